"""What each operation does, a module for each kind of thing. Models in, responses out; no HTTP, no SQL.

A method is an operation, named by its id; `api.py` puts all of them together, and `Engine` inherits them.
"""
