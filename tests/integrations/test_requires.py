"""The errors of an integration whose framework is not installed, or needs a newer Python."""

from __future__ import annotations

import sys

import pytest

from statebase.integrations._requires import requires


def test_a_missing_framework_says_what_to_install() -> None:
    with pytest.raises(
        ImportError,
        match=r"^statebase\[langgraph\] is not installed: there is no module no_such_module\. "
        r"Install it with: pip install 'statebase\[langgraph\]'$",
    ):
        requires("langgraph", "json", "no_such_module.base", python=(3, 9))


def test_a_python_that_is_too_old_is_named() -> None:
    here = ".".join(map(str, sys.version_info[:2]))

    with pytest.raises(ImportError, match=rf"^statebase\[langgraph\] needs Python 4\.2 or later, and this is {here}$"):
        requires("langgraph", "json", python=(4, 2))


def test_an_installed_framework_is_fine() -> None:
    requires("langgraph", "json", "email.message", python=(3, 9))
