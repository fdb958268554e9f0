"""The error of the generator, and JSON pointers to places in the document."""

from __future__ import annotations


class CodegenError(Exception):
    """The document or the overlay cannot be turned into code.

    Args:
        place: The location: a JSON pointer into the document with the overlay (`#/paths/~1health/get`), or a file.
        problem: The problem and its solution, in whole sentences.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = " ".join(problem.split())

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def pointer(*steps: object) -> str:
    """Return the JSON pointer (RFC 6901) for a sequence of keys.

    >>> pointer("paths", "/v1/sessions", "get")
    '#/paths/~1v1~1sessions/get'
    """
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def below(place: str, *steps: object) -> str:
    """Return the JSON pointer for a sequence of keys below `place`."""
    return place + pointer(*steps)[1:]
