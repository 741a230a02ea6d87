"""Figures, the budgets they are held against, and the table of both."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

_HEADER: Final = ("figure", "Studio", "rival", "ratio", "budget", "met")
_VERDICTS: Final = {True: "yes", False: "NO", None: "–"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure is held against.

    ``limit`` is in the figure's unit; ``below_rival`` compares with the rival of the same run.
    """

    kind: Literal["at_most", "at_least", "below_rival"]
    limit: float = 0.0

    def __str__(self) -> str:
        if self.kind == "below_rival":
            return "below the rival"
        return f"{'≤' if self.kind == 'at_most' else '≥'} {shown(self.limit)}"

    def is_met(self, value: float, rival: float | None) -> bool | None:
        """Whether ``value`` keeps to it; ``None`` when the rival it needs was not measured."""
        if self.kind == "below_rival":
            return None if rival is None else value < rival
        return value <= self.limit if self.kind == "at_most" else value >= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number of Studio, and the same of a rival where there is one."""

    name: str
    value: float
    rival: float | None = None
    rival_name: str = ""
    budget: Budget | None = None

    @property
    def ratio(self) -> float | None:
        """Studio's value divided by the rival's."""
        return self.value / self.rival if self.rival else None

    @property
    def met(self) -> bool | None:
        """Whether the budget is met; ``None`` without one, or without the rival it needs."""
        return self.budget.is_met(self.value, self.rival) if self.budget else None


@dataclass(frozen=True, slots=True)
class Part:
    """What one measurement found: figures for the table and remarks beneath it."""

    name: str
    figures: Sequence[Figure]
    remarks: Sequence[str] = ()
    raw: dict[str, Any] = field(default_factory=dict)
    """What the figures were made from, for the JSON file alone."""


def median(values: Iterable[float]) -> float:
    """The median; there must be at least one value."""
    return float(statistics.median(values))


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def shown(value: float) -> str:
    """A number with about three digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table that also reads well on a terminal."""
    rows = [_HEADER, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def verdict(figures: Sequence[Figure]) -> str:
    """How many budgets were met and missed, in one sentence."""
    judged = [figure for figure in figures if figure.met is not None]
    missed = [figure.name for figure in judged if figure.met is False]
    told = f"Budgets met: {len(judged) - len(missed)} of {len(judged)}."
    return f"{told} MISSED: {'; '.join(missed)}." if missed else told


def document(machine: dict[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """Everything for the JSON file."""
    return {
        "machine": machine,
        "parts": {
            part.name: {
                "figures": [
                    {**asdict(figure), "ratio": figure.ratio, "met": figure.met}
                    for figure in part.figures
                ],
                "remarks": list(part.remarks),
                "raw": part.raw,
            }
            for part in parts
        },
    }


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _row(figure: Figure) -> tuple[str, ...]:
    rival = "" if figure.rival is None else f"{shown(figure.rival)} ({figure.rival_name})"
    return (
        figure.name,
        shown(figure.value),
        rival,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        str(figure.budget or ""),
        _VERDICTS[figure.met],
    )
