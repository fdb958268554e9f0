"""Statistics of a run: rounds that take turns, medians, interquartile ranges, tables.

A machine that does other things as well slows down all peers for a while, but not by the same factor in each round: so
each round asks every peer, ratios are taken within a round, and the median of the ratios is what counts.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Callable, List, Mapping, Optional, Sequence, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Goal:
    """The limit of a ratio or a figure."""

    limit: float
    stretch: Optional[float] = None
    """A limit beyond, that would be welcome."""
    at_least: bool = False

    def verdict(self, value: float) -> str:
        """Return whether a value is within the limit, and within the stretch limit."""
        said = f"{'>=' if self.at_least else '<='} {self.limit:g} {self._reached(value, self.limit)}"
        return said if self.stretch is None else f"{said}, {self.stretch:g} {self._reached(value, self.stretch)}"

    def _reached(self, value: float, limit: float) -> str:
        return "reached" if (value >= limit if self.at_least else value <= limit) else "MISSED"


@dataclass(frozen=True)
class Row:
    """The result of one peer."""

    name: str
    values: Sequence[float]
    """A figure a round, in the unit of the table."""
    ratios: Sequence[float] = ()
    """To the baseline, in the same round; empty where the goal is for the figure itself."""
    goal: Optional[Goal] = None

    def cells(self) -> List[str]:
        """Return what the table shows of it."""
        judged = spread(self.ratios or self.values)[1]
        verdict = "" if self.goal is None else self.goal.verdict(judged)
        return [self.name, _show(self.values), _show(self.ratios), verdict]


@dataclass
class Table:
    """A section of the results."""

    title: str
    unit: str
    baseline: str = ""
    note: str = ""
    rows: List[Row] = field(default_factory=list)

    def markdown(self) -> str:
        """Write it, readable as text and as Markdown."""
        head = ["", self.unit, f"ratio to {self.baseline}" if self.baseline else "", "goal, stretch"]
        lines = [head, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        kept = [column for column, width in enumerate(widths) if width]
        rule = "|" + "|".join("-" * (widths[column] + 2) for column in kept) + "|"
        text = ["| " + " | ".join(line[column].ljust(widths[column]) for column in kept) + " |" for line in lines]
        text.insert(1, rule)
        return "\n".join([f"### {self.title}", "", *([self.note, ""] if self.note else []), *text, ""])


def interleave(cases: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, List[T]]:
    """Measure every case once a round, each round beginning with another one."""
    values: dict[str, List[T]] = {name: [] for name in cases}
    names = list(cases)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            values[name].append(cases[name]())
    return values


def ratios(values: Sequence[float], baseline: Sequence[float]) -> List[float]:
    """Divide round by round."""
    return [value / base for value, base in zip(values, baseline)]


def compared(table: Table, values: Mapping[str, Sequence[float]], baseline: str, goals: Mapping[str, Goal]) -> Table:
    """Add a row for each case, with its ratio to one of them."""
    for name, figures in values.items():
        ratio = () if name == baseline else ratios(figures, values[baseline])
        table.rows.append(Row(name, figures, ratio, goals.get(name)))
    return table


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _show(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, middle, high = map(_number, spread(values))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.095 else f"{value:.3f}"
