"""Scripts for shells know all commands and options; the one for bash is run."""

from __future__ import annotations

import shutil
import subprocess
from typing import Callable, List

import pytest

from statebase.cli.completion import script
from statebase.cli.parser import COMMANDS, parse

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PARSERS = parse(["completion", "bash"]).parsers
BASH = shutil.which("bash")


def complete(*words: str) -> List[str]:
    """Return what bash offers for the last word."""
    assert BASH is not None
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _statebase; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    result = subprocess.run(
        [BASH, "-c", f"{script('bash', PARSERS)}\n{asked}"], capture_output=True, encoding="utf-8", check=True
    )
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["statebase", ""], list(COMMANDS)),
        (["statebase", "se"], ["search", "serve"]),
        (["statebase", "--v"], ["--version"]),
        (["statebase", "import", "--ttl"], ["--ttl-seconds"]),
        (["statebase", "list", "--path", "agents.db", "--us"], ["--user"]),
        (["statebase", "list", "--path", ""], []),
        (["statebase", "export", "-o", "x"], []),
        (["statebase", "completion", ""], ["bash", "zsh", "fish"]),
        (["statebase", "unknown", "--"], []),
    ],
)
def test_bash_completes(words: List[str], expected: List[str]) -> None:
    """Commands, options, and values of a set; for other values it leaves files to bash."""
    assert complete(*words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_each_script(shell: str) -> None:
    text = script(shell, PARSERS)

    for name, parser in PARSERS.items():
        assert name in text
        for action in parser._actions:
            for flag in action.option_strings:
                long_flag = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                assert (long_flag if shell == "fish" else flag) in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_valid(shell: str) -> None:
    """As far as the shell is installed."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"there is no {shell}")

    result = subprocess.run([path, "-n"], input=script(shell, PARSERS), capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")


def test_command_prints_the_script(call: Run) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert call("completion", shell).stdout == script(shell, PARSERS)
    assert "SHELL must be bash, zsh or fish, got csh" in call("completion", "csh").stderr
