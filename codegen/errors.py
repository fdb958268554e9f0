"""The one error of the generator, and how it names a place in the document."""

from __future__ import annotations


class CodegenError(Exception):
    """The document, or what the overlay says of it, cannot be turned into code.

    Args:
        place: Where: a JSON pointer into the overlaid document (`#/paths/~1health/get`), or a file.
        problem: What is wrong there, and what to do about it: whole sentences.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = " ".join(problem.split())

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def pointer(*steps: object) -> str:
    """Write the JSON pointer (RFC 6901) to what the steps lead to.

    >>> pointer("paths", "/v1/sessions", "get")
    '#/paths/~1v1~1sessions/get'
    """
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def below(place: str, *steps: object) -> str:
    """Write the JSON pointer to what the steps lead to from `place`."""
    return place + pointer(*steps)[1:]
