"""What Comfy API v2 refuses: a clear coded error, nothing stored, nothing lost."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, invert, solid, text_to_image

JOBS = "/api/v2/jobs"


def refusal(owner: httpx.Client, status: int, **request: Any) -> dict[str, Any]:
    """Submit what must be refused, check that no job came of it, and return the error."""
    before = owner.get(JOBS, params={"limit": 1}).json()["jobs"]
    answer = owner.post(JOBS, **request)
    assert answer.status_code == status, answer.text
    code_of(answer)
    assert owner.get(JOBS, params={"limit": 1}).json()["jobs"] == before
    return dict(answer.json()["error"])


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"workflow": NaN}', b"[" * 100_000],
    ids=["cut", "list", "text", "null", "bytes", "nan", "deep"],
)
def test_what_is_no_json_object_is_refused(owner: httpx.Client, body: bytes) -> None:
    assert refusal(owner, 400, content=body)["code"] == "invalid_request"


@pytest.mark.parametrize("address", [JOBS, "/api/jobs"])
def test_a_bare_graph_is_recognised_and_told_what_is_missing(
    owner: httpx.Client, address: str
) -> None:
    answer = owner.post(address, json=solid())
    assert (answer.status_code, code_of(answer)) == (422, "invalid_workflow")
    assert '{"workflow": <the graph>}' in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_workflow"),
        ({"workflow": None}, "invalid_workflow"),
        ({"workflow": []}, "invalid_workflow"),
        ({"workflow": {}}, "invalid_workflow"),
        ({"workflow": {"1": []}}, "invalid_workflow"),
        ({"workflow": {"1": {"inputs": {}}}}, "invalid_workflow"),
        ({"workflow": {"1": {"class_type": 7, "inputs": {}}}}, "invalid_workflow"),
        ({"workflow": {"1": {"class_type": "SaveImage", "inputs": []}}}, "invalid_workflow"),
        ({"workflow": {"nodes": [], "links": []}}, "workflow_format_ui"),
        ({"nodes": [], "links": [], "last_link_id": 3}, "workflow_format_ui"),
        (solid(), "invalid_workflow"),
        ({"workflow": solid(), "webhook_url": "https://example.com"}, "invalid_request"),
        ({"workflow": solid(), "inputs": {}}, "invalid_request"),
        ({"workflow": solid(), "priority": 1}, "invalid_request"),
        ({"workflow": solid(), "extra_data": []}, "invalid_request"),
        ({"workflow": solid(), "extra_data": {"client_id": "x"}}, "invalid_request"),
        ({"workflow": solid(), "extra_data": {"api_key_comfy_org": 5}}, "invalid_request"),
        ({"workflow": solid(), "extra_data": {"api_key_comfy_org": "x" * 5000}}, "invalid_request"),
        ({"workflow": solid(), "metadata": "x"}, "invalid_request"),
        ({"workflow": solid(), "metadata": {"a": 1}}, "invalid_request"),
        ({"workflow": solid(), "metadata": {str(n): "" for n in range(51)}}, "invalid_request"),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value)[:40],
)
def test_a_body_with_a_wrong_part_is_refused(
    owner: httpx.Client, body: dict[str, Any], code: str
) -> None:
    assert refusal(owner, 422, json=body)["code"] == code


def test_an_unknown_node_is_named_with_the_closest_ones(owner: httpx.Client) -> None:
    graph = solid()
    graph["2"]["class_type"] = "SaveImagee"
    error = refusal(owner, 422, json={"workflow": graph})
    assert error["code"] == "invalid_workflow"
    assert "SaveImagee" in error["message"]
    assert "SaveImage" in str(error["details"]).replace("SaveImagee", "")


def test_a_missing_model_is_named_with_what_is_installed(owner: httpx.Client) -> None:
    graph = text_to_image()
    graph["1"]["inputs"]["ckpt_name"] = "embedded-dem.safetensors"
    error = refusal(owner, 422, json={"workflow": graph})
    assert error["code"] == "invalid_workflow"
    assert "embedded-dem.safetensors" in error["message"]
    assert "embedded-demo.safetensors" in str(error["details"]["node_errors"]["1"])


def test_a_missing_input_is_named_by_node_and_field(owner: httpx.Client) -> None:
    graph = invert("whatever.png")
    del graph["3"]["inputs"]["images"]
    error = refusal(owner, 422, json={"workflow": graph})
    assert error["code"] == "invalid_workflow"
    assert error["details"]["node_errors"]["3"][0]["field"] == "images"


@pytest.mark.parametrize(
    "name",
    [
        "never-uploaded.png",
        "never-uploaded.png [input]",
        "somebody_00001_.png [output]",
        "secret.png [temp]",
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\secret.png",
        "C:\\secret.png",
        "a\x00b.png",
        "x" * 5000,
    ],
    ids=lambda name: name[:24],
)
def test_a_file_that_is_not_the_callers_is_a_missing_asset(owner: httpx.Client, name: str) -> None:
    error = refusal(owner, 422, json={"workflow": invert(name)})
    assert error["code"] == "missing_asset"
    assert "1" in error["details"]["node_errors"]


@pytest.mark.parametrize(
    "info",
    [{"id": str(uuid.uuid4())}, {"id": "x"}, {"id": 5}, {}, [], None],
    ids=["unknown", "no id of ours", "number", "empty", "list", "none"],
)
def test_an_asset_reference_that_leads_nowhere_is_a_missing_asset(
    owner: httpx.Client, info: Any
) -> None:
    graph = invert({"__type": "core/ASSET", "info": info})
    assert refusal(owner, 422, json={"workflow": graph})["code"] == "missing_asset"


@pytest.mark.parametrize(
    "prefix", ["../x", "/x", "a/../b", "a\\b", "C:\\x", "..", "a/..", "//server/x"]
)
def test_a_prefix_that_leaves_the_jobs_folder_is_refused(owner: httpx.Client, prefix: str) -> None:
    error = refusal(owner, 422, json={"workflow": solid(prefix)})
    assert error["code"] == "invalid_workflow"


def test_a_body_that_is_too_large_is_refused(owner: httpx.Client) -> None:
    for declared in (True, False):
        data = b" " * 33_000_000
        content = data if declared else iter([data[:8_000_000]] * 5)
        answer = owner.post(JOBS, content=content)
        assert answer.status_code == 413
        assert code_of(answer) == "payload_too_large"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_senseless_idempotency_key_is_refused(owner: httpx.Client, key: str) -> None:
    error = refusal(owner, 422, json={"workflow": solid()}, headers={"Idempotency-Key": key})
    assert error["code"] == "invalid_request"
