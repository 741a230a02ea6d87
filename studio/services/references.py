"""From the files a graph names to the assets they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.errors import InvalidRequest, MissingAsset
from studio.graphs.files import FileReference
from studio.paths import safe_relative
from studio.store.assets import Wanted


def wanted(reference: FileReference) -> Wanted:
    """What to look up; an unsafe name means nothing at all."""
    if reference.asset_id is not None or reference.name is None:
        return Wanted(reference.asset_id, None)
    try:
        path = str(safe_relative(reference.name))
    except InvalidRequest:
        path = None
    return Wanted(None, path, "input" if reference.kind == "input" else "output")


def missing(references: Sequence[FileReference]) -> MissingAsset:
    """The refusal that names every file that was not found."""
    node_errors: dict[str, list[dict[str, Any]]] = {}
    for reference in references:
        name = reference.name if reference.asset_id is None else reference.asset_id
        entry = {
            "field": ".".join(str(step) for step in reference.path),
            "reason": "missing_asset",
            "message": f"The file {(name or '')[:100]!r} is not among your files.",
        }
        node_errors.setdefault(reference.node_id, []).append(entry)
    first = node_errors[references[0].node_id][0]["message"]
    return MissingAsset(
        f"Node {references[0].node_id[:40]}: {first} Upload it first.",
        details={"node_errors": node_errors},
    )
