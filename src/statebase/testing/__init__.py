"""Tools for tests of code that uses StateBase: clients on an engine in memory, a frozen clock, fault injection.

pytest loads the fixtures of `statebase.testing.plugin` automatically. Without pytest:

    from statebase.testing import Faults, local_client

    faults = Faults()
    with local_client(faults=faults) as client:
        faults.drop_after_commit()
        client.sessions.create("support-bot")

Names are loaded when they are first used (PEP 562): pytest imports this package in every run.
"""

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers treat this name as true
if TYPE_CHECKING:
    from .clients import async_local_client, local_client
    from .clock import FrozenClock
    from .faults import Faults

_MODULE_OF = {
    "Faults": "faults",
    "FrozenClock": "clock",
    "async_local_client": "clients",
    "local_client": "clients",
}

__all__ = ["Faults", "FrozenClock", "async_local_client", "local_client"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
