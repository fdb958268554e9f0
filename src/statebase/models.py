"""The models of the API: the results of methods, and the bodies of requests.

A module of them is imported when one of its models is first used.
"""

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if not TYPE_CHECKING:
    from ._base.lazy import lazy_names
    from ._generated import models, results

    _OF_0_4 = ("StateUpdateRequest", "ToolCall", "ToolResponse")
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            models.__name__: models.__all__,
            results.__name__: results.__all__,
            "statebase._results.models_of_0_4": _OF_0_4,
            "statebase._base.model": ("Model",),
        },
    )
    __all__ = [*models.__all__, *results.__all__, *_OF_0_4]
    del models, results
else:
    from ._generated.models import *  # noqa: F403
    from ._generated.results import *  # noqa: F403
    from ._results.models_of_0_4 import *  # noqa: F403
