"""Everything wrong with one graph, gathered so that a person sees it all at once."""

from __future__ import annotations

from typing import Any, Final

from studio.errors import InvalidWorkflow

_SHOWN: Final = 2


class Problems:
    """Collects problems by node; ``raise_if_any`` turns them into one ``InvalidWorkflow``.

    The error's details are ``{"node_errors": {node_id: [{"field", "reason", "message", ...}]},
    "error_types": [...]}``, where ``error_types`` are the distinct reasons in order.
    """

    def __init__(self) -> None:
        self.node_errors: dict[str, list[dict[str, Any]]] = {}
        self._reasons: dict[str, None] = {}
        self._shown: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(
        self,
        node_id: str,
        class_type: object,
        field: str | None,
        reason: str,
        message: str,
        **facts: Any,
    ) -> None:
        """Blames ``node_id``; ``message`` is a sentence that needs no node name in front."""
        entry = {"field": field, "reason": reason, "message": message, **facts}
        self.node_errors.setdefault(node_id, []).append(entry)
        name = f" ({clip(class_type, 60)})" if isinstance(class_type, str) and class_type else ""
        self._note(reason, f"Node {clip(node_id, 40)}{name}: {message}")

    def add_for_graph(self, reason: str, message: str) -> None:
        """Blames the graph as a whole."""
        self._note(reason, message)

    def raise_if_any(self) -> None:
        """Raises ``InvalidWorkflow`` with every problem, or returns when there is none."""
        if not self._count:
            return
        # Two fit into one message; a longer list is in the details.
        shown = self._shown if self._count <= _SHOWN else self._shown[:1]
        more = self._count - len(shown)
        raise InvalidWorkflow(
            " ".join((*shown, f"And {more} more problems.") if more else shown),
            details={"node_errors": self.node_errors, "error_types": list(self._reasons)},
        )

    def _note(self, reason: str, message: str) -> None:
        self._reasons[reason] = None
        if len(self._shown) < _SHOWN:
            self._shown.append(message)
        self._count += 1


def clip(value: object, limit: int = 80) -> str:
    """``value`` as text of at most ``limit`` characters, fit for a message."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
