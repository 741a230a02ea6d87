"""Whatever JSON arrives, the answer is a graph or a refusal, and no prefix escapes."""

from __future__ import annotations

import posixpath
import random
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import StudioError
from studio.graphs.edits import set_value
from studio.graphs.facts import describe
from studio.graphs.files import file_references, replace_references
from studio.graphs.graph import parse
from studio.graphs.prefixes import (
    check_prefixes,
    force_rerun,
    with_job_folder,
)
from studio.graphs.seeds import with_new_seeds
from studio.graphs.validation import validate
from tests.unit.graphs.recorded import INFO

INPUT_NAMES = sorted(
    {
        name
        for described in INFO.values()
        for section in described["input"].values()
        for name in section
    }
    | {"format.bit_depth", "images.image0", "anything"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["euler", "a.safetensors", "x.png [output]", "png", "/../x"])
)
LINKS = st.tuples(st.sampled_from("123456"), st.integers(-3, 9)).map(list)
ASSETS = st.fixed_dictionaries(
    {"__type": st.just("core/ASSET")}, optional={"info": st.dictionaries(st.just("id"), SCALARS)}
)
KEYS = st.text() | st.sampled_from(["__value__", "__type", "nodes", "class_type", "inputs"])
JSON = st.recursive(
    SCALARS | LINKS | ASSETS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)
NODES = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from([*INFO, "NoSuchNode"]),
        "inputs": st.dictionaries(st.sampled_from(INPUT_NAMES), JSON, max_size=6),
    },
    optional={"_meta": JSON},
)
GRAPHS = st.dictionaries(st.sampled_from("123456"), NODES, min_size=1)


def exercise(workflow: Any, info: dict[str, Any] | None) -> None:
    graph = parse(workflow)
    describe(graph, info)
    with_new_seeds(graph, random.Random(1), info)
    moved = with_job_folder(graph, info, "job")
    force_rerun(moved, moved, "job")
    for attempt in (
        lambda: check_prefixes(graph),
        lambda: set_value(graph, "1.anything=5"),
        lambda: validate(graph, INFO),
    ):
        try:
            attempt()
        except StudioError:
            continue
    references = file_references(graph, info)
    replace_references(graph, {reference.key: "studio/x.png" for reference in references})


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json_is_a_graph_or_a_refusal(workflow: Any) -> None:
    try:
        exercise(workflow, INFO)
    except StudioError as refusal:
        assert refusal.status in (400, 422)
        assert refusal.message


@settings(max_examples=150, deadline=None)
@given(GRAPHS, st.sampled_from([INFO, None]))
def test_any_graph_of_real_classes_is_judged_or_refused(
    graph: Any, info: dict[str, Any] | None
) -> None:
    try:
        exercise(graph, info)
    except StudioError as refusal:
        assert refusal.status in (400, 422)
        assert refusal.message


@settings(max_examples=150, deadline=None)
@given(GRAPHS)
def test_every_asset_and_file_is_gone_after_replacement(graph: Any) -> None:
    try:
        references = file_references(graph, INFO)
    except StudioError:
        return
    replaced = replace_references(graph, {reference.key: "x" for reference in references})
    left = file_references(replaced, INFO)
    assert not [reference for reference in left if reference.asset_id or reference.name != "x"]


PREFIX_PIECES = st.lists(
    st.sampled_from(["..", ".", "/", "//", "\\", " ", "%year%", "a", "C:", "~", "\x00", "studio"])
    | st.text(max_size=3)
).map("".join)


@settings(max_examples=500, deadline=None)
@given(PREFIX_PIECES | PREFIX_PIECES.map(lambda text: {"__value__": text}) | JSON)
def test_an_accepted_prefix_never_leaves_the_jobs_folder(prefix: Any) -> None:
    graph = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": prefix}}}
    try:
        check_prefixes(graph)
    except StudioError:
        return
    moved = with_job_folder(graph, INFO, "job")["1"]["inputs"]["filename_prefix"]
    if moved == prefix:
        assert isinstance(prefix, list)
        return
    path = posixpath.normpath(posixpath.join("/out", moved))
    assert path.startswith("/out/studio/job/")
    assert posixpath.basename(path)
    assert path == f"/out/{moved}"


def test_no_step_depends_on_the_recursion_limit() -> None:
    chain: dict[str, Any] = {
        str(i): {"class_type": "StringConcatenate", "inputs": {"string_a": [str(i + 1), 0]}}
        for i in range(5 * sys.getrecursionlimit())
    }
    chain["out"] = {"class_type": "PreviewAny", "inputs": {"source": ["0", 0]}}
    chain["text"] = {"class_type": "CLIPTextEncode", "inputs": {"text": ["0", 0]}}
    chain["end"] = {"class_type": "KSampler", "inputs": {"positive": ["text", 0]}}
    try:
        exercise(chain, INFO)
    except StudioError as refusal:
        raise AssertionError from refusal
