"""Waiting for something that may never end."""

from __future__ import annotations

import threading
from typing import Callable, List, TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do something that has no time limit of its own, such as asking for an address.

    Work that exceeds the limit continues in a daemon thread.

    Raises:
        TimeoutError: It is not done in time.
        Exception: What the work raises.
    """
    results: List[T] = []
    errors: List[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"not done in {seconds:g} seconds")
    return results[0]
