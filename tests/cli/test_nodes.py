"""``studio nodes``: what is known and what is there, and refusals of changes."""

from __future__ import annotations

import json

import pytest

from tests.cli.program import Place


def test_the_registry_is_listed(running: Place) -> None:
    listed = running.run("nodes", "list", "--known")
    assert [line for line in listed.out.splitlines() if line.startswith("ComfyUI-GGUF")]
    packs = json.loads(running.run("nodes", "list", "--known", "--json").out)
    assert {"name", "url", "commit", "classes"} <= packs[0].keys()


def test_what_is_installed_is_listed(running: Place) -> None:
    assert json.loads(running.run("nodes", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("install", "ComfyUI-GGUF"), "conflict"),
        (("install", "no-such-pack"), "not_found"),
        (("install", "ComfyUI-GGUF", "--ref", "main"), "usage"),
        (("install", "https://user:secret@example.org/x"), "invalid_request"),
        (("install", "https://example.org/x"), "conflict"),
        (("rm", "no-such-pack"), "not_found"),
        (("update", "../x"), "not_found"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(
    running: Place, words: tuple[str, ...], reason: str
) -> None:
    ended = running.run("nodes", *words)
    assert (ended.status, ended.out) == (1, "")
    assert f"[{reason}]" in ended.err and "secret" not in ended.err
