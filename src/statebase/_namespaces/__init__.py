"""Behaviour that the document cannot express: text and messages as turns, lists of words, methods of several calls.

The functions convert arguments, or are generators of steps. The overlay names them, and the generated methods of both
clients call them. They may import `_call` and the models, and do not import the clients.
"""
