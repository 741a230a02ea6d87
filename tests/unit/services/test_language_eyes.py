"""Which projectors of the shipped catalog come with which language models."""

from __future__ import annotations

import json

import pytest

from studio.services.catalog_entries import Entry
from studio.services.installs import are_eyes_of
from tests.api.studio_process import ROOT


def entries() -> list[Entry]:
    listed = json.loads((ROOT / "catalogs/llm.json").read_text(encoding="utf-8"))["entries"]
    names = ("id", "name", "folder", "file", "reference", "tags")
    return [Entry(**{name: each[name] for name in names}) for each in listed]


@pytest.mark.parametrize(
    ("model", "eyes"),
    [
        ("gemma-4-26b-a4b-it-q4-k-m", ["mmproj-gemma-4-26b-a4b-it-bf16"]),
        ("gemma-4-e4b-it-q4-k-m", ["mmproj-gemma-4-e4b-it-bf16"]),
        ("google-gemma-3-4b-it-qat-q4-0", ["mmproj-google-gemma-3-4b-it-qat-f16"]),
        ("qwen3-vl-30b-a3b-instruct-q4-k-m", ["mmproj-qwen3-vl-30b-a3b-instruct-f16"]),
        ("qwen3-8b-q4-k-m", []),
        ("mmproj-gemma-4-e4b-it-bf16", []),
    ],
)
def test_a_model_brings_its_eyes_and_no_other_s(model: str, eyes: list[str]) -> None:
    listed = entries()
    wanted = next(each for each in listed if each.id == model)
    assert [each.id for each in listed if are_eyes_of(each, wanted)] == eyes


def test_every_projector_of_the_catalog_belongs_to_a_model() -> None:
    listed = entries()
    eyes = [each for each in listed if each.id.startswith("mmproj-")]
    assert len(eyes) > 3
    assert [one.id for one in eyes if not any(are_eyes_of(one, each) for each in listed)] == []


def test_every_model_that_is_said_to_see_pictures_brings_its_eyes() -> None:
    listed = entries()
    seeing = [each for each in listed if "vision" in each.tags]
    assert len(seeing) > 8
    assert [one.id for one in seeing if not any(are_eyes_of(each, one) for each in listed)] == []
