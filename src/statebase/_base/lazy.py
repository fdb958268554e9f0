"""Attributes and imports that are evaluated at their first use."""

import os
import sys
from _thread import RLock

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    from functools import cached_property
    from typing import Callable, Mapping, Tuple

    import httpx as httpx

    from . import http_errors as http_errors
else:

    class cached_property:
        """`functools.cached_property`, without the milliseconds that importing functools takes.

        On the class, the attribute of a namespace is the namespace's class, for `unittest.mock.create_autospec`.
        """

        def __init__(self, make):
            self._make = make
            self._name = make.__name__
            self.__doc__ = make.__doc__

        def __get__(self, instance, owner=None):
            if instance is None:
                try:
                    with importing:
                        return type(self._make(_Unconnected))
                except AttributeError:  # it is not a namespace
                    return self
            with importing:
                # Of two threads that get here at once, both receive what the first one stored.
                return instance.__dict__.setdefault(self._name, self._make(instance))

    class _Unconnected:
        """A stand-in for a client, used to find the class of a namespace."""

        _api = None


importing = RLock()
"""Held during the lazy imports of this package and its dependencies, so that `os.fork` waits for them.

A thread that imports a module holds the lock of that module. If another thread forks at that time, the lock stays held
in the child process, which then hangs when it imports the module.
"""


def lazy_names(
    package: str, modules: "Mapping[str, Tuple[str, ...]]"
) -> "Tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Return the `__getattr__` and `__dir__` (PEP 562) of a module that offers names of others.

    Args:
        package: The `__name__` of the module.
        modules: The names by the module that has them, which is imported when one of them is asked for.
    """
    module_of = {name: module for module, names in modules.items() for name in names}
    found = sys.modules[package].__dict__

    def get(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = module_of[name]
        with importing:
            __import__(module)  # importlib, which is not loaded yet, would take as long as the client
        value: object = getattr(sys.modules[module], name)
        return found.setdefault(name, value)

    def names() -> "list[str]":
        return sorted({*found, *module_of})

    return get, names


def names_of(package: str) -> "Callable[[str], object]":
    """Return the `__getattr__` of a module that offers all names of a package, where they are not its own."""

    def get(name: str) -> object:
        return getattr(sys.modules[package], name)

    return get


class _LazyModule:
    """A module that is imported when an attribute of it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        with importing:
            __import__(self._name)
        value: object = getattr(sys.modules[self._name], attribute)
        return value


if not TYPE_CHECKING:
    # A call needs httpx only if it fails, goes through a transport of the caller's, or if the caller passes objects of
    # httpx: importing it takes a tenth of the time to the first response.
    httpx = _LazyModule("httpx")
    http_errors = _LazyModule(f"{__package__}.http_errors")  # these errors are errors of httpx


_LONGEST_WAIT_SECONDS = 60.0  # a fork that is late is better than none
_waits: "list[bool]" = []  # whether forks that are under way hold the lock


def _before_fork() -> None:
    _waits.append(importing.acquire(timeout=_LONGEST_WAIT_SECONDS))


def _after_fork() -> None:
    if _waits.pop():
        importing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

__all__ = ["cached_property", "http_errors", "httpx", "importing", "lazy_names", "names_of"]
