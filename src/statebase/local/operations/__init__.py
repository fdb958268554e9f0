"""The operations, one module per resource. Models in, responses out; no HTTP, no SQL.

Each method is an operation, named after its id. `api.py` combines them in one class, from which `Engine` inherits.
"""
