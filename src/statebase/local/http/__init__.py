"""The front door of the engine: HTTP without a network, as a pipeline with a module a step.

`door.py` takes a request through its steps: route, authenticate, limit, replay, read, run, store. It may use the
operations and what they stand on, and the generated table of operations. `StateBase.local()` and `testing` call it
through a `LocalTransport` (`transport.py`), `server` calls it directly.
"""
