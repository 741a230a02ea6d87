"""Where two prompts of the same workflow differ, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from studio.graphs.ui_format import Conversion, convert

TITLE: Final = "title"
NEEDS_EDITOR: Final = "needs_editor"
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    node_id: str
    class_type: str
    field: str
    theirs: object
    ours: object
    kind: str


@dataclass(slots=True)
class Outcome:
    """One workflow, converted twice."""

    name: str
    conversion: Conversion
    refused: str | None = None
    """Why the editor itself made no prompt of it."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def codes(self) -> set[str]:
        return {problem.code for problem in self.conversion.problems}

    @property
    def is_known(self) -> bool:
        """Whether the engine has every class that the workflow runs."""
        return "unknown_class" not in self.codes

    @property
    def is_same_run(self) -> bool:
        """Whether both are the same to an engine, which does not read titles."""
        return self.refused is None and all(each.kind == TITLE for each in self.differences)


def compare(
    name: str,
    workflow: Mapping[str, Any],
    theirs: Mapping[str, Any] | str,
    object_info: Mapping[str, Any],
) -> Outcome:
    """Converts ``workflow`` and compares the graph with the editor's prompt."""
    found = Outcome(name, convert(workflow, object_info))
    if isinstance(theirs, str):
        found.refused = theirs
        return found
    drawn = {
        problem.node_id for problem in found.conversion.problems if problem.code == NEEDS_EDITOR
    }
    ours = found.conversion.graph
    for node_id in [*theirs, *(key for key in ours if key not in theirs)]:
        one, other = theirs.get(node_id), ours.get(node_id)
        # The editor sends no class for a node that it does not know itself.
        kinds = [str((each or {}).get("class_type", "")) for each in (one, other)]
        kind = kinds[1] or kinds[0]
        if one is None or other is None or kinds[0] != kinds[1]:
            found.differences.append(Difference(node_id, kind, "", one, other, OTHER))
            continue
        names = [*one["inputs"], *(key for key in other["inputs"] if key not in one["inputs"])]
        for each in names:
            values = one["inputs"].get(each, ...), other["inputs"].get(each, ...)
            if values[0] != values[1]:
                why = NEEDS_EDITOR if node_id in drawn else OTHER
                found.differences.append(Difference(node_id, kind, each, *values, why))
        if one["_meta"] != other["_meta"]:
            titles = one["_meta"], other["_meta"]
            found.differences.append(Difference(node_id, kind, "title", *titles, TITLE))
    return found
