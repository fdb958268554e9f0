"""What a word is, in every script: the terms of a text, which the index of words holds and a query asks for.

It knows neither the store nor a search; both read texts with it.
"""
