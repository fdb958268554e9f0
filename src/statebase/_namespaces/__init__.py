"""Behaviour that the document cannot express: plain text and chat messages as turns, lists of words, several calls.

Functions here turn arguments into what is sent, or are steps over several calls; the overlay names them, and the
generated methods of both flavours call them. They may use `_call` and the models, and know neither client.
"""
