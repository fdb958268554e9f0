"""The command line of the generator."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[1]

_DESCRIPTION = """\
Write src/statebase/_generated and api.md from the OpenAPI document.

The document is openapi/statebase-v1.json, as the service publishes it. openapi/overlay.yaml is applied to it and adds
what the SDK needs. Neither the document nor the generated code is edited by hand. When the API changes: replace the
document, read the drift report, run generate, review the diff.
"""
_EPILOG = """\
exit status: 0 success; 1 check found a difference; 2 usage error, or a document that cannot be turned into code (stderr
names the place); drift: 0 no change, 1 additive changes only, 2 breaking changes, 3 unreadable input.
"""


def main(arguments: Optional[list[str]] = None) -> int:
    """Run a command.

    Args:
        arguments: The arguments of the command line. Default: `sys.argv`.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    # The generators take seconds to import; each command imports only those it needs.
    from codegen.errors import CodegenError

    try:
        return _COMMANDS[options.command](options)
    except CodegenError as error:
        print(f"codegen: error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"codegen: error: {error}: install the dependencies of the generator with `make setup`", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codegen",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("generate", help="rewrite the generated package and api.md")
    commands.add_parser("check", help="check that the generated files are up to date; prints a diff if not")
    commands.add_parser("overlay", help="print the document with the overlay applied, as JSON")
    drift = commands.add_parser(
        "drift", help="compare two versions of a document, and report breaking and additive changes"
    )
    drift.add_argument("old", metavar="OLD", help="a file or a URL")
    drift.add_argument("new", metavar="NEW", help="a file or a URL")
    drift.add_argument("--json", action="store_true", help="report as JSON")
    update = commands.add_parser("update", help="replace the document with a new version, and generate")
    update.add_argument(
        "source", metavar="SOURCE", help="a file or a URL, such as https://api.statebase.org/openapi.json"
    )
    return parser


def _generate(options: argparse.Namespace) -> int:
    from codegen.package import Project, generate

    project = Project.at(ROOT)
    generate(project)
    print(f"wrote {project.output.relative_to(ROOT)} and {project.reference.relative_to(ROOT)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from codegen.package import Project, check

    difference = check(Project.at(ROOT))
    for line in difference:
        print(line)
    if difference:
        print(
            "codegen: the generated package is not up to date with the document: run `make generate`", file=sys.stderr
        )
    return 1 if difference else 0


def _overlay(options: argparse.Namespace) -> int:
    import json

    from codegen.package import Project, read_document

    print(json.dumps(read_document(Project.at(ROOT)), indent=2))
    return 0


def _drift(options: argparse.Namespace) -> int:
    from codegen.drift import compare as drift
    from codegen.drift.source import SourceError

    try:
        changes = drift.compare(drift.load(options.old), drift.load(options.new))
    except SourceError as error:
        print(f"codegen: error: {error}", file=sys.stderr)
        return 3
    print(drift.render_json(changes) if options.json else drift.render_text(changes), end="")
    return drift.exit_code(changes)


def _update(options: argparse.Namespace) -> int:
    import json

    from codegen.drift import compare as drift
    from codegen.errors import CodegenError
    from codegen.package import Project, generate

    project = Project.at(ROOT)
    old, new = project.document.read_text(encoding="utf-8"), drift.load(options.source)
    text = json.dumps(new, indent=2, ensure_ascii=False) + "\n"
    print(drift.render_text(drift.compare(json.loads(old), new)), end="")
    project.document.write_text(text, encoding="utf-8", newline="\n")
    try:
        generate(project)
    except BaseException as error:
        project.document.write_text(old, encoding="utf-8", newline="\n")
        if isinstance(error, CodegenError):
            hint = "The document was not changed: fix openapi/overlay.yaml or the generator, and update again."
            raise CodegenError(error.place, f"{error.problem} {hint}") from error
        raise
    print("The document has not changed." if text == old else _NEXT_STEPS)
    return 0


_NEXT_STEPS = """
The document was replaced, and the package and api.md were generated from it. Next:
- Review the changes: `git diff`.
- Add the names, an example and the errors of each new operation to openapi/overlay.yaml, then `make generate`.
- A breaking change breaks code that uses the SDK: keep the old form working with functions in
  src/statebase/_namespaces, or describe the migration in CHANGELOG.md.
- `make check`."""
_COMMANDS = {"generate": _generate, "check": _check, "overlay": _overlay, "drift": _drift, "update": _update}


def _run() -> int:
    """Run the command of the process, with any kind of output."""
    if sys.version_info < (3, 11):
        print("codegen: error: needs Python 3.11 or newer; the code that it writes runs on 3.9", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # On a terminal without a character, print its escape.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe. The rest must not be written when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(_run())
