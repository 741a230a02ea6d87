"""Whatever is written down for people to look up has its words on the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.policy.source import shown, walk
from tests.policy.test_messages import messages

KIND = re.compile(r"[a-z_]+\.[a-z_]+")


def recorded() -> Iterator[tuple[str, str]]:
    """What happened, as the code names it when it records it, and where."""
    for path in walk(".py", under="studio"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name.strip("_") != "record":
                continue
            for part in ast.walk(node.args[1]):
                value = part.value if isinstance(part, ast.Constant) else None
                if isinstance(value, str) and KIND.fullmatch(value):
                    yield value, shown(path)


def test_everything_that_is_recorded_is_said_in_words() -> None:
    found = dict(recorded())
    assert len(found) > 50
    said = messages("en", "activity")
    assert {kind: where for kind, where in found.items() if f"did.{kind}" not in said} == {}
