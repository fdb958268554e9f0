"""Write docstrings from the texts in the document."""

from __future__ import annotations

import ast
import doctest
import json
import re
import textwrap
from typing import Any, Iterable, Iterator, Mapping

from codegen.errors import CodegenError

LINE_LENGTH = 120
ERRORS = {
    400: "BadRequestError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    422: "UnprocessableEntityError",
}
"""The exceptions of the client, by status; `APIStatusError` for any other."""

_FRAMEWORK_WORDS = {
    "Successful Response": "What the service answers.",
    "Validation Error": "An argument has the wrong type, or is outside of its limits.",
}
_LIST_ITEM = re.compile(r"\s*([-*]|\d+\.)\s")


def described(schema: Mapping[str, Any]) -> str:
    """Describe a value in one paragraph: the document's text, then limits and default if the text omits them."""
    text = sentence(schema.get("description", ""))
    numbers = set(re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", text))
    parts = [phrase for phrase, values in _limits(schema) if not values or not numbers.issuperset(values)]
    if schema.get("default") is not None:
        default = schema["default"]
        parts.append(f"Default: {default if isinstance(default, bool) else json.dumps(default, ensure_ascii=False)}.")
    if schema.get("deprecated"):
        parts.append("Deprecated.")
    return " ".join([text, *parts] if text else parts)


def sentence(text: str) -> str:
    """Return a text in one line, with a full stop if it does not end with punctuation."""
    line = " ".join(text.split())
    return line if not line or line[-1] in ".!?:" else f"{line}."


def outcome(text: str) -> str:
    """Return the description of a response in one line; default texts of FastAPI are replaced."""
    return _FRAMEWORK_WORDS.get(text, sentence(text))


def paragraphs(text: str, width: int) -> list[str]:
    """Wrap a text. Empty lines separate paragraphs, and the items of a list stay on separate lines."""
    result: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if not any(_LIST_ITEM.match(line) for line in lines):
            lines = [" ".join(lines)]
        wrapped = [part for line in lines for part in _wrap(line, width)]
        result += ["", *wrapped] if wrapped and result else wrapped
    return result


def _wrap(text: str, width: int, indent: str = "", hanging: str = "") -> list[str]:
    """Wrap one paragraph, without breaking words."""
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def section(title: str, entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Return a section of a Google style docstring, from names and texts; empty if there are no entries."""
    lines: list[str] = []
    for name, text in entries:
        line = f"{name}: {text}" if name and text else name or text
        lines += _wrap(line, width, "    ", "        " if name else "    ")
    return ["", f"{title}:", *lines] if lines else []


def literal(lines: list[str], indent: int) -> str:
    """Return any lines as a docstring in Python.

    Args:
        lines: The lines, without indentation.
        indent: The indentation of all lines except the first, which the template indents.
    """
    escaped = [_escaped(line) for line in lines]
    margin = " " * indent
    if len(escaped) == 1 and not lines[0].endswith('"') and indent + len(escaped[0]) + 6 <= LINE_LENGTH:
        return f'"""{escaped[0]}"""'
    body = "\n".join(f"{margin}{line}".rstrip() for line in escaped[1:])
    return f'"""{escaped[0]}\n{body}\n{margin}"""' if len(escaped) > 1 else f'"""{escaped[0]}\n{margin}"""'


def example_for(text: str, calls: Mapping[str, str], method: str, asynchronous: bool, place: str) -> list[str]:
    """Return the example of an operation for one of its methods and one of the clients.

    Args:
        text: The example in the document, in doctest format, which calls a synchronous `client`.
        calls: The methods of the operation, with the expression of each call; the example calls one of them.
        method: The method that the example is for.
        asynchronous: Whether the client is the asynchronous one.
        place: The location of the example.

    Raises:
        CodegenError: The example is not valid doctest or Python, or calls none of the methods.
    """
    lines: list[str] = []
    called: set[str] = set()
    try:
        for step in doctest.DocTestParser().get_examples(text):
            tree = ast.parse(step.source)
            nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _of_client(node)]
            called.update(_path(node.func) for node in nodes)
            code = _awaited(step.source, tree, nodes) if asynchronous else step.source
            for call in calls.values():
                code = re.sub(rf"\b{re.escape(call)}\(", lambda _: f"{calls[method]}(", code)
            first, *more = code.splitlines()
            lines += [f">>> {first}", *(f"... {line}".rstrip() for line in more), *step.want.splitlines()]
    except (SyntaxError, ValueError) as error:
        raise CodegenError(place, f"The example is not Python as doctest reads it: {error}.") from error
    if called.isdisjoint(calls.values()):
        names = ", ".join(calls.values())
        raise CodegenError(place, f"The example calls none of {names} on a line that starts with >>>.")
    return lines


_ITERATION = re.compile(r"\bfor (\w+) in client\.(?=\w+\.iter_)")


def awaited_example(docstring: str) -> list[str]:
    """Return the lines of a docstring, with its example converted for the asynchronous client."""
    docstring = _ITERATION.sub(r"async for \1 in iterated.", docstring)
    lines = docstring.splitlines()
    for step in doctest.DocTestParser().get_examples(docstring):
        tree = ast.parse(step.source)
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _of_client(node)]
        first, *more = _awaited(step.source, tree, nodes).splitlines()
        margin = " " * step.indent
        code = [f"{margin}>>> {first}", *(f"{margin}... {line}".rstrip() for line in more)]
        lines[step.lineno : step.lineno + len(code)] = code
    return [line.replace(" in iterated.", " in client.") for line in lines]


def _of_client(call: ast.Call) -> bool:
    return _path(call.func).startswith("client.")


def _awaited(code: str, tree: ast.Module, calls: list[ast.Call]) -> str:
    wrapped = {id(node.value) for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Subscript))}
    edits: list[tuple[int, int, str]] = []
    for call in calls:
        if id(call) in wrapped:
            edits.append((call.lineno, call.col_offset, "(await "))
            edits.append((call.end_lineno or 0, call.end_col_offset or 0, ")"))
        else:
            edits.append((call.lineno, call.col_offset, "await "))
    # Columns in the syntax tree are byte offsets.
    lines = [line.encode() for line in code.split("\n")]
    for line, column, text in sorted(edits, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + text.encode() + lines[line - 1][column:]
    return "\n".join(line.decode() for line in lines)


def _path(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _limits(schema: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Return a phrase for each limit of a schema, with its numbers."""
    yield from _bounds(schema.get("minimum"), schema.get("maximum"), "")
    yield from _bounds(schema.get("minLength"), schema.get("maxLength"), "character")
    yield from _bounds(schema.get("minItems"), schema.get("maxItems"), "item")
    for key, words in (
        ("exclusiveMinimum", "More than"),
        ("exclusiveMaximum", "Less than"),
        ("multipleOf", "A multiple of"),
    ):
        if key in schema:
            number = _number(schema[key])
            yield f"{words} {number}.", {number}
    if "pattern" in schema:
        yield f"Matches {schema['pattern']}.", set()


def _bounds(low: Any, high: Any, unit: str) -> Iterator[tuple[str, set[str]]]:
    numbers = [_number(bound) for bound in (low, high) if bound is not None]
    if not numbers:
        return
    words = f" {unit}" if unit and numbers[-1] == "1" else f" {unit}s" if unit else ""
    if len(numbers) == 2:
        yield f"{numbers[0]} to {numbers[1]}{words}.", set(numbers)
    else:
        yield f"At {'most' if low is None else 'least'} {numbers[0]}{words}.", set(numbers)


def _number(value: float) -> str:
    # FastAPI writes limits of integers as floats.
    return f"{int(value):,}" if value == int(value) else str(value)


def _escaped(line: str) -> str:
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line.replace("\\", "\\\\")
    )
    return safe.replace('"""', '\\"\\"\\"')
