"""Scripts that complete command lines of `statebase` in shells, made from the parsers of the commands."""

from __future__ import annotations

import argparse
import re
from typing import Iterator, List, Mapping, NamedTuple, Sequence

_FILES = ("FILE", "TARGET", "DIRECTORY", "BACKUP")
"""The metavars of arguments that are paths."""


class Option(NamedTuple):
    """An option of a command."""

    flags: Sequence[str]
    help: str
    takes_value: bool
    takes_file: bool


class Completed(NamedTuple):
    """A command as the scripts need it."""

    name: str
    summary: str
    options: List[Option]
    takes_file: bool
    """Whether one of its arguments without a name is a path."""
    choices: List[str]
    """The values of its argument; empty if any value is possible."""


def completed(name: str, parser: argparse.ArgumentParser) -> Completed:
    """Read the parser of a command."""
    options: List[Option] = []
    takes_file = False
    choices: List[str] = []
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage] # argparse has no public list of them
        is_file = isinstance(action.metavar, str) and action.metavar.strip("[]") in _FILES
        if action.option_strings:
            summary_of_option = (action.help or "").replace("%(default)s", str(action.default))
            summary_of_option = summary_of_option.replace("%(default)g", str(action.default))
            options.append(Option(action.option_strings, summary_of_option, action.nargs != 0, is_file))
        else:
            takes_file = takes_file or is_file
            choices += [str(choice) for choice in action.choices or ()]
    return Completed(name, parser.get_default("summary"), options, takes_file, choices)


def bash(commands: Sequence[Completed]) -> str:
    """Return the script for bash 3.2 and later."""
    cases = [
        f"        {each.name}) options={_quoted(' '.join(_flags(each)))} values={_quoted(' '.join(each.choices))} ;;"
        for each in commands
    ]
    with_values = sorted(
        {flag for each in commands for option in each.options if option.takes_value for flag in option.flags}
    )
    names = " ".join(each.name for each in commands)
    return "\n".join(
        [
            '# bash completion for statebase; add to ~/.bashrc: eval "$(statebase completion bash)"',
            "_statebase() {",
            "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}",
            "    local command= options= values= word",
            '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            "        case $word in -*) ;; *) command=$word; break ;; esac",
            "    done",
            "    COMPREPLY=()",
            "    case $command in",
            f"        '') options='--help --version' values={_quoted(names)} ;;",
            *cases,
            "    esac",
            f"    case $previous in {'|'.join(with_values)}) return ;; esac  # a value: files are completed",
            "    case $current in",
            '        -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;',
            '        *) COMPREPLY=($(compgen -W "$values" -- "$current")) ;;',
            "    esac",
            "}",
            "complete -o default -F _statebase statebase",
            "",
        ]
    )


def zsh(commands: Sequence[Completed]) -> str:
    """Return the script for zsh."""
    lines = [
        "#compdef statebase",
        '# zsh completion for statebase; add to ~/.zshrc after compinit: eval "$(statebase completion zsh)"',
        "_statebase() {",
        "    local -a commands",
        "    commands=(",
        *(f"        {_quoted(f'{each.name}:{each.summary}')}" for each in commands),
        "    )",
        "    if (( CURRENT == 2 )); then",
        "        _describe command commands",
        "        return",
        "    fi",
        "    local command=$words[2]",
        "    shift words",
        "    (( CURRENT-- ))",
        "    case $command in",
    ]
    for each in commands:
        lines.append(f"        {each.name})")
        lines.append("            _arguments \\")
        lines += [f"                {spec} \\" for option in each.options for spec in _zsh_options(option)]
        rest = f"({' '.join(each.choices)})" if each.choices else "_files" if each.takes_file else ""
        lines.append(f"                {_quoted(f'*:argument:{rest}')}")
        lines.append("            ;;")
    return "\n".join([*lines, "    esac", "}", "compdef _statebase statebase", ""])


def fish(commands: Sequence[Completed]) -> str:
    """Return the script for fish."""
    lines = [
        "# fish completion for statebase; save as ~/.config/fish/completions/statebase.fish",
        "complete -c statebase -f",
        "complete -c statebase -n __fish_use_subcommand -l help -s h -d 'show this help message and exit'",
        "complete -c statebase -n __fish_use_subcommand -l version -d 'show the version and exit'",
    ]
    for each in commands:
        lines.append(
            f"complete -c statebase -n __fish_use_subcommand -a {each.name} -d {_fish_quoted(_short(each.summary))}"
        )
        here = f"complete -c statebase -n '__fish_seen_subcommand_from {each.name}'"
        for option in each.options:
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            value = " -r -F" if option.takes_file else " -x" if option.takes_value else ""
            lines.append(f"{here} {flags}{value} -d {_fish_quoted(_short(option.help))}")
        if each.takes_file:
            lines.append(f"{here} -F")
        if each.choices:
            lines.append(f"{here} -a {_fish_quoted(' '.join(each.choices))}")
    return "\n".join([*lines, ""])


SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}
"""The function that makes the script, by the name of the shell."""


def script(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """Return the script for a shell.

    Args:
        shell: `bash`, `zsh` or `fish`.
        parsers: The parsers of the commands, by name.
    """
    return SCRIPTS[shell]([completed(name, parser) for name, parser in parsers.items()])


def _flags(command: Completed) -> Iterator[str]:
    for option in command.options:
        yield from option.flags


def _zsh_options(option: Option) -> Iterator[str]:
    value = ":file:_files" if option.takes_file else ":value: " if option.takes_value else ""
    description = re.sub(r"([\[\]:\\])", r"\\\1", _short(option.help))
    for flag in option.flags:
        yield _quoted(f"{flag}[{description}]{value}")


def _short(text: str) -> str:
    """Return the first clause of a help text."""
    return re.split(r"[;(]|\. ", text, maxsplit=1)[0].strip()


def _quoted(text: str) -> str:
    """Quote a text for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
