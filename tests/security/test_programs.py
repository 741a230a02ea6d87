"""Programs and agents see and do what their user may, and nothing of others."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from tests.api.graphs import code_of, fresh_png, solid
from tests.api.house import House
from tests.api.people import member_in
from tests.api.presets import good, preset

_ACCEPT = {"Accept": "application/json, text/event-stream"}


async def ask(client: httpx.AsyncClient, method: str, **params: Any) -> dict[str, Any]:
    """What the server answers to one message of an agent that speaks an older protocol."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = await client.post("/mcp", json=body, headers=_ACCEPT)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    return dict(orjson.loads(lines[-1].removeprefix("data: "))["result"])


async def call(client: httpx.AsyncClient, name: str, **arguments: Any) -> dict[str, Any]:
    """The facts of a tool's answer, or its error."""
    result = await ask(client, "tools/call", name=name, arguments=arguments)
    return dict(result["structuredContent"])


def code(found: dict[str, Any]) -> str | None:
    """Why a tool refused."""
    error = found.get("error") if "jobs" not in found and "items" not in found else None
    return None if error is None else str(error["code"])


async def test_an_agent_of_an_older_protocol_is_served_without_a_session(house: House) -> None:
    async with house.client() as owner:
        about = await ask(
            owner,
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "old", "version": "1"},
        )
        assert about["serverInfo"]["name"] == "studio"
        listed = await ask(owner, "tools/list")
        assert "run_preset" in [tool["name"] for tool in listed["tools"]]


async def test_an_agent_has_nothing_of_what_is_another_s(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Ben") as ben:
        [job] = (await call(ann, "run_graph", graph=solid()))["jobs"]
        saved = good(await ann.post("/api/presets", json=preset()), 201)
        upload = await ann.post(
            "/api/v2/assets",
            files={"file": ("x", fresh_png(), "image/png")},
            data={"content_type": "image/png", "file_path": "ann.png"},
        )
        asset_id = good(upload, 201)["id"]
        for name, arguments in (
            ("job_status", {"job_id": job["id"]}),
            ("wait_job", {"job_id": job["id"], "timeout_s": 1}),
            ("cancel_job", {"job_id": job["id"]}),
            ("fetch_result", {"job_id": job["id"]}),
            ("fetch_result", {"asset_id": asset_id}),
            ("describe", {"preset_id": saved["id"]}),
            ("run_preset", {"preset_id": saved["id"]}),
        ):
            assert code(await call(ben, name, **arguments)) == "not_found", name
        values = {"prompt": "x", "image": {"asset": asset_id}}
        taken = await call(ben, "run_workflow", workflow_id="image-to-image", values=values)
        assert code(taken) in ("invalid_value", "unavailable")
        assert (await call(ben, "list_presets"))["total"] == 0
        assert (await call(ben, "search_library"))["total"] == 0
        assert code(await call(ann, "job_status", job_id=job["id"])) is None
        assert (await call(ann, "job_status", job_id=job["id"]))["job"]["status"] == "queued"


async def test_a_guest_s_agent_runs_what_others_made_and_nothing_else(house: House) -> None:
    async with member_in(house, "Gus", "guest") as guest:
        names = {tool["name"] for tool in (await ask(guest, "tools/list"))["tools"]}
        assert "run_preset" in names
        assert not names & {"run_graph", "pull_model", "list_models", "search_catalog"}
        for name, arguments in (
            ("run_graph", {"graph": solid()}),
            ("pull_model", {"entry_id": "x"}),
            ("list_models", {}),
            ("search_catalog", {}),
            ("download_status", {}),
        ):
            assert code(await call(guest, name, **arguments)) == "forbidden", name


async def test_a_member_draws_with_shared_presets_alone(house: House) -> None:
    async with house.client() as owner, member_in(house, "Ann") as ann:
        body = preset(values={"prompt": "x", "checkpoint": None})
        saved = good(await owner.post("/api/presets", json=body), 201)
        target = {"generate": {"preset_id": saved["id"]}}
        good(await owner.put("/api/drawing-models/secret", json=target))
        for order in ({"prompt": "x", "model": "secret"}, {"prompt": "x", "model": "nothing"}):
            answer = await ann.post("/v1/images/generations", json=order)
            assert (answer.status_code, code_of(answer)) == (404, "model_not_found")
        [seen, hidden] = good(await ann.get("/api/drawing-models"))["items"]
        assert seen["generate"]["workflow_id"] == "text-to-image"
        assert (hidden["name"], hidden["generate"]) == ("secret", None)
        for method, path in (("PUT", "secret"), ("DELETE", "secret")):
            answer = await ann.request(method, f"/api/drawing-models/{path}", json=target)
            assert (answer.status_code, code_of(answer)) == (403, "forbidden")


async def test_another_page_makes_no_agent_of_a_browser(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for site in ("cross-site", "same-site"):
            headers = {**_ACCEPT, "Sec-Fetch-Site": site}
            answer = await ann.post("/mcp", json=body, headers=headers)
            assert (answer.status_code, code_of(answer)) == (403, "cross_origin")


async def test_what_is_broken_inside_is_not_told_to_an_agent(
    house: House, monkeypatch: Any
) -> None:
    from studio.services.jobs import JobService

    async def fail(*_: object) -> None:
        raise RuntimeError("canary-of-the-inside")

    monkeypatch.setattr(JobService, "get", fail)
    async with house.client() as owner:
        found = await call(owner, "job_status", job_id="x")
        assert code(found) == "upstream_error"
        assert "canary-of-the-inside" not in str(found)
