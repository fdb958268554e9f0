"""`statebase completion`."""

from __future__ import annotations

import argparse
from typing import Callable

from ..command import Command
from ..terminal import print_text

_SHELLS = ("bash", "zsh", "fish")
_DESCRIPTION = """\
Print a script that completes commands and options in a shell.

  bash  add to ~/.bashrc:                eval "$(statebase completion bash)"
  zsh   add to ~/.zshrc, after compinit: eval "$(statebase completion zsh)"
  fish  statebase completion fish > ~/.config/fish/completions/statebase.fish"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", type=_shell(parser), choices=_SHELLS, metavar="SHELL", help="bash, zsh or fish")


def _shell(parser: argparse.ArgumentParser) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in _SHELLS:
            parser.error(f"SHELL must be bash, zsh or fish, got {value or 'an empty string'}")
        return value

    return read


def _run(options: argparse.Namespace) -> int:
    from ..completion import script

    print_text(script(options.shell, options.parsers))
    return 0


COMMAND = Command("completion", "complete commands in a shell", _DESCRIPTION, _add_arguments, _run)
