"""The front door of the engine: an httpx transport that finds the operation, checks key and limit, reads, and answers.

It may use the operations and what they stand on, and the generated table of operations. `StateBase.local()`, `server`
and `testing` make a `LocalTransport`.
"""
