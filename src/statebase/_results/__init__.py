"""Answers that can do more than hold their fields: contexts, search results, pages, and their HTML in a notebook.

It may use the generated models and `_base`, and knows nothing of calls: a page gets the function that fetches the next.
The operations name these classes as their results; `_call` makes pages; users meet them as return values.
"""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Return a result by its name in 1.0.0rc1, whose pickles say `statebase._results`."""
    from importlib import import_module

    places = {"ContextResponse": "context", "SearchResults": "search_results", "SessionHistory": "session_history"}
    if name not in places:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{places[name]}"), name)
    return found
