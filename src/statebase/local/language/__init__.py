"""The terms of a text in every script: the index of words holds those of memories, and a query asks for its own.

It knows neither the store nor a search; both read texts with it.
"""
