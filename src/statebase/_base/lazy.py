"""Attributes and imports that are made at their first use."""

import os
from _thread import RLock

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property:
        """`functools.cached_property`, without the milliseconds that importing functools takes.

        Asked of the class, a namespace of a client is its class, which `unittest.mock.create_autospec` reads.
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
        """Stands for a client where only the class of a namespace is asked for."""

        _api = None


importing = RLock()
"""Held while this package imports what it has put off, its dependencies included.

A thread that imports a module holds a lock of that module. If another thread forks meanwhile, the lock stays held
in the child, which then hangs when it imports the module. So forks wait until the import is over.
"""

_LONGEST_WAIT_SECONDS = 60.0  # a fork that is late is better than none
_waits: "list[bool]" = []  # whether forks that are under way hold the lock


def _before_fork() -> None:
    _waits.append(importing.acquire(timeout=_LONGEST_WAIT_SECONDS))


def _after_fork() -> None:
    if _waits.pop():
        importing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

__all__ = ["cached_property", "importing"]
