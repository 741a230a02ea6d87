"""YAML as manifests use it: read with lines, bounded, and nothing that could grow."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InvalidManifest
from studio.graphs.manifests import document
from studio.graphs.manifests.document import MAX_BYTES, plain_document, read_document

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers: the one in C is not everywhere."""
    kind = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(document, "_LOADER", kind)


def fault(text: str | bytes) -> dict[str, Any]:
    with pytest.raises(InvalidManifest) as caught:
        read_document(text)
    assert caught.value.details is not None
    [problem] = caught.value.details["problems"]
    return dict(problem)


def test_scalars_are_read_as_yaml_1_2_reads_them() -> None:
    text = "[16:9, no, yes, on, true, null, ~, '', 1, -2, 1.5, 1e3, 0o7, '5', 2026-01-01]"
    assert read_document(text).data == [
        "16:9", "no", "yes", "on", True, None, None, "", 1, -2, 1.5, 1000.0, "0o7", "5",
        "2026-01-01",
    ]  # fmt: skip


def test_whole_numbers_of_64_bits_are_read_exactly() -> None:
    text = "[1234567890123456789, 18446744073709551615, -9223372036854775808]"
    found = read_document(text).data
    assert found == [1234567890123456789, 2**64 - 1, -(2**63)]
    assert all(type(each) is int for each in found)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 500])
def test_a_number_that_is_too_large_is_refused(number: str) -> None:
    assert fault(f"a: 1\nb: {number}\n") == {
        "line": 2, "path": "b", "message": "This number is too large.",
    }  # fmt: skip


def test_plain_data_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="64-bit"):
        plain_document({"default": 2**64})


def test_every_value_has_its_line() -> None:
    text = "name: x\ninputs:\n  - id: a\n    options:\n      - {label: b}\n"
    found = read_document(text)
    assert found.line(("inputs", 0, "options", 0, "label")) == 5
    assert found.line(("inputs", 0, "id")) == 3
    assert found.line(("inputs", 0, "missing")) == 3


def test_json_is_read_too() -> None:
    assert read_document('{"a": [1, "b", null, true]}').data == {"a": [1, "b", None, True]}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (BOMB, 1, "Anchors"),
        ("a: 1\nb: *a", 2, "liases"),
        ("a: 1\nwhen: !p", 2, "Tags"),
        ("a: !!python/object:os.system x", 1, "Tags"),
        ("a: 1\na: 2", 2, "twice"),
        ("x: 1\n<<: {a: 1}", 2, "Merge"),
        ("? [a, b]\n: 1", 1, "key"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("a: [1, 2]]", 1, "not valid YAML"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("[" * 40 + "]" * 40, 1, "deeper"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_line(text: str, line: int, word: str) -> None:
    problem = fault(text)
    assert problem["line"] == line
    assert word in problem["message"]


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", "a: \x00", "x" * (MAX_BYTES + 1), "- " * 60_000])
def test_what_is_no_text_or_too_large_is_refused(text: str | bytes) -> None:
    assert fault(text)["message"]


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_breaks_the_reader(text: str | bytes) -> None:
    try:
        read_document(text)
    except InvalidManifest as refusal:
        assert refusal.message
