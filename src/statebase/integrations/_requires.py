"""The error of an integration whose framework is not installed, or needs a newer Python."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Tuple


def requires(extra: str, *modules: str, python: Tuple[int, int] = (3, 10)) -> None:
    """Import the modules of a framework, the first statement of an integration.

    Args:
        extra: The extra of statebase that installs the framework.
        *modules: The modules that the integration imports, such as "langgraph.checkpoint.base".
        python: The oldest Python that the framework supports.

    Raises:
        ImportError: Python is too old, or a module cannot be found. The message says what to install.
    """
    if sys.version_info < python:
        raise ImportError(
            f"statebase[{extra}] needs Python {python[0]}.{python[1]} or later, and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}"
        )
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise ImportError(
                f"statebase[{extra}] is not installed: there is no module {error.name}. "
                f"Install it with: pip install 'statebase[{extra}]'"
            ) from error
