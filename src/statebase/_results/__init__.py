"""Results with methods: contexts, search results, pages, and their HTML in notebooks.

The room may import the generated models and `_base`, but no calls: a page receives the function that fetches the next.
Operations name these classes as their results; `_call` creates the pages; methods of the clients return them.
"""

from __future__ import annotations


def __getattr__(name: str) -> object:
    """Return a class by its name in 1.0.0rc1, whose pickles name `statebase._results`."""
    from importlib import import_module

    places = {"ContextResponse": "context", "SearchResults": "search_results", "SessionHistory": "session_history"}
    if name not in places:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{places[name]}"), name)
    return found
