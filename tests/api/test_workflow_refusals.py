"""``/api/workflows``: what is refused, and that it leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from studio.graphs.seeds import MAX_SEED
from tests.api.graphs import code_of
from tests.api.house import House
from tests.api.workflow_client import MANIFEST, PROMPT, create, names, save
from tests.unit.graphs.manifests.examples import asked, diffusion, node


@pytest.fixture
async def owner(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


CYCLE = {"1": node("A", x=["2", 0]), "2": node("B", x=["1", 0])}
GONE = {**MANIFEST, "inputs": [{**PROMPT, "targets": [{"node": "99", "input": "text"}]}]}


def nested(levels: int) -> dict[str, Any]:
    """A manifest whose only default is a list in a list and so on."""
    default: Any = []
    for _ in range(levels):
        default = [default]
    return {**MANIFEST, "inputs": [{**PROMPT, "default": default}]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"manifest": 5}, "invalid_manifest"),
        ({"manifest": {"manifest": 1}}, "invalid_manifest"),
        ({"manifest": {**MANIFEST, "surprise": 1}}, "invalid_manifest"),
        ({"manifest": "a: &a [*a, *a]"}, "invalid_manifest"),
        ({"manifest": "name: [" * 100}, "invalid_manifest"),
        ({"manifest": {**MANIFEST, "name": "x" * 200}}, "invalid_manifest"),
        ({"manifest": {**MANIFEST, "name": "a\nb"}}, "invalid_manifest"),
        ({"manifest": {**MANIFEST, "name": "fox\u202egnp.exe"}}, "invalid_manifest"),
        ({"manifest": nested(600)}, "invalid_manifest"),
        ({"manifest": nested(40)}, "invalid_manifest"),
        ({"manifest": {**MANIFEST, "inputs": [PROMPT] * 20_000}}, "invalid_manifest"),
        ({"manifest": GONE}, "target_missing"),
        ({"graph": None}, "invalid_workflow"),
        ({"graph": []}, "invalid_workflow"),
        ({"graph": {}}, "invalid_workflow"),
        ({"graph": {"1": {}}}, "invalid_workflow"),
        ({"graph": CYCLE, "manifest": {**MANIFEST, "inputs": []}}, "invalid_workflow"),
        ({"graph": {"nodes": [], "links": []}}, "workflow_format_ui"),
        ({"comment": 5}, "invalid_request"),
        ({"comment": "x" * 501}, "invalid_request"),
        ({"shared": "yes"}, "invalid_request"),
        ({"surprise": 1}, "invalid_request"),
        ({"manifest": {**MANIFEST, "pipeline": [{"block": "a"}]}}, "invalid_workflow"),
    ],
)
async def test_what_cannot_be_stored_is_refused_and_leaves_nothing(
    owner: httpx.AsyncClient, fields: dict[str, Any], code: str
) -> None:
    before = await names(owner)
    body = {"manifest": MANIFEST, "graph": diffusion(), **fields}
    answer = await owner.post("/api/workflows", json=body)
    assert (answer.status_code, code_of(answer)) == (422, code), answer.text
    assert len(answer.text) < 5000
    assert await names(owner) == before


async def test_a_version_with_a_fault_changes_nothing(owner: httpx.AsyncClient) -> None:
    made = await create(owner)
    answer = await save(owner, made, manifest=GONE)
    assert code_of(answer) == "target_missing"
    details = answer.json()["error"]["details"]
    assert (details["input"], details["target"]["node"]) == ("prompt", "99")
    assert (await owner.get(f"/api/workflows/{made['id']}")).json()["versions_count"] == 1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"not a workflow", 422, "invalid_workflow"),
        (b"\x89PNG\r\n\x1a\n", 422, "invalid_workflow"),
        (b"{", 422, "invalid_workflow"),
        (b"[1]", 422, "invalid_workflow"),
        (b"[" * 5000, 422, "invalid_workflow"),
        (b'{"a":' * 3000, 422, "invalid_workflow"),
        (b'{"studio_workflow": 2}', 422, "invalid_workflow"),
        (b'{"studio_workflow": 1}', 422, "invalid_manifest"),
        (b'{"studio_workflow": 1, "manifest": {"manifest": 1, "id": "a", "name": "a"}}', 422,
         "invalid_workflow"),
        (b'{"studio_workflow": 1, "manifest": {"manifest": 1, "id": "../a", "name": "a"}}', 422,
         "invalid_manifest"),
        (json.dumps(CYCLE).encode(), 422, "invalid_workflow"),
        (b'{"prompt": ' * 1000 + b"{}" + b"}" * 1000, 422, "invalid_workflow"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("route", ["inspect", "import"])
async def test_a_file_that_is_no_workflow_is_refused(
    owner: httpx.AsyncClient, route: str, data: bytes, status: int, code: str
) -> None:
    before = await names(owner)
    answer = await owner.post(f"/api/workflows/{route}", content=data)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
    assert await names(owner) == before


async def test_hostile_file_names_are_only_names(owner: httpx.AsyncClient) -> None:
    for name in (
        "../../etc/passwd",
        "a\\b\\..\\c.json",
        "<script>.json",
        "x" * 5000,
        "\x00\x1b[31m",
    ):
        content = json.dumps(diffusion()).encode()
        answer = await owner.post("/api/workflows/inspect", files={"file": (name, content)})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["proposal"]["name"]) <= 120


async def test_several_files_need_a_manifest(owner: httpx.AsyncClient) -> None:
    files = [("a", ("a.json", b"{}")), ("b", ("b.json", b"{}"))]
    answer = await owner.post("/api/workflows/import", files=files)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


async def test_a_body_beyond_the_limit_is_refused(owner: httpx.AsyncClient) -> None:
    answer = await owner.post("/api/workflows/inspect", content=b"x" * (33 * 1024 * 1024))
    assert (answer.status_code, code_of(answer)) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"values": {"prompt": 5}}, "prompt"),
        ({"values": {"ghost": 5}}, "ghost"),
        ({"values": {"prompt": "x", "steps": 151}}, "steps"),
        ({"values": {"prompt": "x", "size": {"width": 8, "height": 8}}}, "size"),
        ({"values": {"prompt": ""}}, "prompt"),
        ({"values": {"prompt": "x", "checkpoint": "a"}, "count": 101}, "count"),
        ({"values": {"prompt": "x", "checkpoint": "a"}, "count": 0}, "count"),
    ],
)
async def test_a_wrong_value_is_named_and_no_job_is_made(
    owner: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    body["values"].setdefault("checkpoint", "a")
    if field == "ghost":
        body["values"]["prompt"] = "x"
    answer = await owner.post("/api/workflows/text-to-image/run", json=body)
    assert (answer.status_code, code_of(answer)) == (422, "invalid_value")
    assert answer.json()["error"]["details"]["input"] == field
    assert (await owner.get("/api/jobs")).json()["jobs"] == []


async def test_after_the_last_seed_comes_the_first_one(owner: httpx.AsyncClient) -> None:
    seed = asked("seed", "seed", min=5, targets=[{"node": "3", "input": "seed"}])
    workflow = await create(owner, manifest={**MANIFEST, "inputs": [seed]})
    body = {"values": {"seed": MAX_SEED}, "count": 3}
    answer = await owner.post(f"/api/workflows/{workflow['id']}/run", json=body)
    assert answer.status_code == 201, answer.text
    used = []
    for job in answer.json()["jobs"]:
        graph = (await owner.get(f"/api/v2/jobs/{job['id']}/workflow")).json()["workflow"]
        used.append(graph["3"]["inputs"]["seed"])
    assert used == [MAX_SEED, 5, 6]


async def test_a_file_that_is_not_what_the_input_takes_is_named(owner: httpx.AsyncClient) -> None:
    uploaded = await owner.post(
        "/api/v2/assets",
        files={"file": ("a.txt", b"no picture", "image/png")},
        data={"file_path": "a.txt", "content_type": "image/png"},
    )
    assert uploaded.status_code == 201, uploaded.text
    for asset, words in (
        (uploaded.json()["id"], "is text/plain"),
        ("ghost", "not among your files"),
    ):
        body = {"values": {"image": {"asset": asset}}}
        answer = await owner.post("/api/workflows/upscale/compile", json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_value"), answer.text
        assert words in answer.json()["error"]["message"]
        assert answer.json()["error"]["details"]["input"] == "image"


async def test_runs_that_are_too_large_together_are_refused_before_any_is_stored(
    owner: httpx.AsyncClient,
) -> None:
    graph = {**diffusion(), "note": node("Note", text="x" * 2**20)}
    workflow_id = (await create(owner, graph=graph))["id"]
    body = {"values": {}, "count": 100}
    answer = await owner.post(f"/api/workflows/{workflow_id}/run", json=body)
    assert (answer.status_code, code_of(answer)) == (413, "payload_too_large"), answer.text
    assert (await owner.get("/api/queue")).json()["depth"] == 0
