"""Attributes that are made when they are first asked for."""

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property:
        """What `functools.cached_property` is, without the milliseconds that importing functools takes."""

        def __init__(self, make):
            self._make = make
            self._name = make.__name__
            self.__doc__ = make.__doc__

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            # Of two threads that get here at once, both receive what the first one stored.
            return instance.__dict__.setdefault(self._name, self._make(instance))


__all__ = ["cached_property"]
