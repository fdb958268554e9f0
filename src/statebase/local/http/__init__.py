"""The front door of the engine: HTTP without a network, as a pipeline with one module per step.

`door.py` runs the steps of a request: route, authenticate, limit, replay, read, run, store. The room may import the
operations, the rooms below them, and the generated table of operations. `StateBase.local()` and `testing` call it
through a `LocalTransport` (`transport.py`), `server` calls it directly.
"""
