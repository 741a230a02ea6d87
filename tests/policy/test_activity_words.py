"""Whatever Studio writes down of what people do, the activity says in words."""

from __future__ import annotations

import ast
import re

import pytest

from tests.policy.source import parse, walk
from tests.policy.test_messages import LANGUAGES, messages

TELLS = {"record", "_record", "_tell"}
KIND = re.compile(r"[a-z_]+\.[a-z_]+")


def kinds() -> set[str]:
    """Every kind of entry that the code names where it records one."""
    found = set()
    for path in walk(".py", under="studio"):
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in TELLS:
                # Either of two, where it depends.
                chosen = [
                    part
                    for each in node.args
                    for part in (
                        [each.body, each.orelse] if isinstance(each, ast.IfExp) else [each]
                    )
                ]
                values = [part.value for part in chosen if isinstance(part, ast.Constant)]
                found |= {each for each in values if isinstance(each, str) and KIND.fullmatch(each)}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_of_the_activity_has_words(language: str) -> None:
    found = kinds()
    assert {"share.run", "program.let_in", "quota.changed", "webhook.created"} <= found
    assert {f"did.{kind}" for kind in found} - messages(language, "activity").keys() == set()
