"""Turns what ComfyUI's editor saves into a graph that an engine runs.

The result is what the editor's own ``loadGraphData`` followed by ``graphToPrompt`` gives for the
same file and the same engine; docs/conversion.md says how that is checked, and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.graphs.graph import Graph
from studio.graphs.ui import loading, prompt
from studio.graphs.ui.source import Refused, UiProblem, Work

__all__ = ["Conversion", "UiProblem", "convert"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A graph in API format, and what of the file could not be taken over as it stands."""

    graph: Graph = field(default_factory=dict)
    problems: list[UiProblem] = field(default_factory=list)


def convert(ui: Mapping[str, Any], object_info: Mapping[str, Any]) -> Conversion:
    """Converts a saved workflow for an engine with these node classes.

    Never raises for what is in the file. A file that cannot be converted gives an empty graph and
    the problem that says why; problems of single nodes name the node as the graph does (``4:12``
    is node 12 inside the subgraph of node 4).
    """
    work = Work()
    try:
        graph = prompt.make(work, loading.load(work, ui, object_info))
    except Refused as refusal:
        return Conversion({}, [*work.problems, refusal.problem])
    return Conversion(graph, work.problems)
