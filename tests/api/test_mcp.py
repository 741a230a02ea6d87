"""Studio for agents, asked by the protocol's official client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from studio.web.mcp_door import MAX_UPLOAD
from tests.api.graphs import solid
from tests.api.studio_process import OWNER_KEY, RunningStudio

SMALL = {"size": {"width": 64, "height": 64}, "steps": 2, "checkpoint": "embedded-demo.safetensors"}
READING = {
    *("list_presets", "list_workflows", "describe", "wait_job", "job_status", "fetch_result"),
    *("search_library", "list_models", "search_catalog", "download_status"),
}
CHANGING = {"run_preset", "run_workflow", "run_graph", "cancel_job", "add_image", "pull_model"}


@contextlib.asynccontextmanager
async def agent(
    studio: RunningStudio, key: str = OWNER_KEY, path: str = "/mcp"
) -> AsyncIterator[Client]:
    """The official client, as an agent has it."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{studio.url}{path}", http_client=http)) as client,
    ):
        yield client


def facts(result: CallToolResult) -> dict[str, Any]:
    """What a tool found; its text says the same."""
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    [text, *_] = result.content
    assert isinstance(text, TextContent)
    assert json.loads(text.text) == result.structured_content
    return dict(result.structured_content)


def code(result: CallToolResult) -> str:
    """The code of a tool's error."""
    assert result.is_error, result.structured_content
    return str(result.structured_content["error"]["code"])


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_an_agent_sees_every_tool_at_either_address(studio: RunningStudio, path: str) -> None:
    async with agent(studio, path=path) as client:
        assert client.server_info is not None
        assert client.server_info.name == "studio"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert tools.keys() == READING | CHANGING
    for name, tool in tools.items():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint == (name in READING)
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False


def test_calls_of_agents_do_not_fill_the_log(studio: RunningStudio, owner: httpx.Client) -> None:
    begun = studio.log.stat().st_size
    for _ in range(3):
        owner.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers={"Accept": "application/json, text/event-stream"},
        ).raise_for_status()
    assert b"mcp.server" not in studio.log.read_bytes()[begun:]


async def test_an_agent_finds_describes_runs_waits_and_looks(studio: RunningStudio) -> None:
    seen: list[float] = []

    async def told(progress: float, total: float | None = None, message: str | None = None) -> None:
        assert total == 1.0
        assert message
        seen.append(progress)

    async with agent(studio) as client:
        found = facts(await client.call_tool("list_workflows", {"query": "text to image"}))
        assert "text-to-image" in [item["id"] for item in found["items"]]
        about = facts(await client.call_tool("describe", {"workflow_id": "text-to-image"}))
        schema = about["parameters"]
        assert schema["required"] == ["prompt"]
        assert schema["properties"]["size"]["properties"]["width"]["maximum"] == 2048
        assert SMALL["checkpoint"] in schema["properties"]["checkpoint"]["enum"]

        values = {**SMALL, "prompt": "an agent's fox"}
        run = facts(
            await client.call_tool(
                "run_workflow", {"workflow_id": "text-to-image", "values": values}
            )
        )
        [job] = run["jobs"]
        waited = facts(
            await client.call_tool(
                "wait_job", {"job_id": job["id"], "timeout_s": 30}, progress_callback=told
            )
        )
        assert waited["ended"]
        assert waited["job"]["status"] == "succeeded"
        assert seen == sorted(seen)
        assert seen

        shown = await client.call_tool("fetch_result", {"job_id": job["id"], "max_side": 64})
        [file] = facts(shown)["files"]
        [_, picture] = shown.content
        assert isinstance(picture, ImageContent)
        assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (64, 64)
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.get(file["url"])).status_code == 200

        for _ in range(50):
            listed = facts(await client.call_tool("search_library", {"query": "agent's fox"}))
            if listed["items"]:
                break
            await asyncio.sleep(0.1)
        assert listed["items"][0]["asset_id"] == file["asset_id"]


async def test_an_agent_gives_a_picture_of_its_own_to_a_preset(
    studio: RunningStudio, client: httpx.AsyncClient
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (10, 200, 30)).save(out, "PNG")
    body = {
        "name": "Winter",
        "workflow_id": "image-to-image",
        "values": {"prompt": "[[season=Which season?:winter|spring]]", "steps": 2},
    }
    preset = (await client.post("/api/presets", json=body)).json()
    async with agent(studio) as hand:
        data = base64.b64encode(out.getvalue()).decode()
        added = facts(await hand.call_tool("add_image", {"data_base64": data, "name": "a.png"}))
        about = facts(await hand.call_tool("describe", {"preset_id": preset["id"]}))
        assert about["preset"]["questions"][0]["name"] == "season"
        assert about["parameters"]["required"] == ["image"]
        order = {
            "preset_id": preset["id"],
            "values": {"image": {"asset": added["asset_id"]}},
            "answers": {"season": "winter"},
            "count": 2,
        }
        jobs = facts(await hand.call_tool("run_preset", order))["jobs"]
        assert len(jobs) == 2
        for job in jobs:
            waited = facts(await hand.call_tool("wait_job", {"job_id": job["id"]}))
            assert waited["job"]["status"] == "succeeded"
        refused = await hand.call_tool("run_preset", {**order, "answers": {"season": "autumn"}})
        assert code(refused) == "invalid_answers"
        page = base64.b64encode(b"<html>").decode()
        assert code(await hand.call_tool("add_image", {"data_base64": page})) == "invalid_request"


async def test_a_picture_of_the_size_that_is_promised_is_taken(studio: RunningStudio) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (10, 20, 30)).save(out, "PNG")
    large = out.getvalue().ljust(MAX_UPLOAD, b"\0")
    async with agent(studio) as hand:
        data = base64.b64encode(large).decode()
        assert facts(await hand.call_tool("add_image", {"data_base64": data}))["asset_id"]
        data = base64.b64encode(large + b"\0").decode()
        assert code(await hand.call_tool("add_image", {"data_base64": data})) == "invalid_request"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
async def test_a_message_that_is_too_large_is_refused_with_a_code(
    client: httpx.AsyncClient, declared: bool
) -> None:
    message = json.dumps({"data_base64": "A" * 2 * MAX_UPLOAD}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield message

    refused = await client.post(
        "/mcp",
        content=message if declared else chunks(),
        headers={"Content-Type": "application/json"},
    )

    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "payload_too_large"


async def test_a_wait_is_bounded_and_a_job_can_be_cancelled(
    studio: RunningStudio, paused: httpx.Client
) -> None:
    async with agent(studio) as client:
        [job] = facts(await client.call_tool("run_graph", {"graph": solid()}))["jobs"]
        order = {"job_id": job["id"], "timeout_s": 1}
        waited = facts(await client.call_tool("wait_job", order))
        assert (waited["ended"], waited["job"]["status"]) == (False, "queued")
        ended = facts(await client.call_tool("cancel_job", {"job_id": job["id"]}))
        assert ended["job"]["status"] == "canceled"
        assert code(await client.call_tool("fetch_result", {"job_id": job["id"]})) == "not_found"


async def test_tools_are_those_of_the_key_and_nothing_else_answers(studio: RunningStudio) -> None:
    guest = studio.make_key("jobs", "assets")
    async with agent(studio, guest) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == (READING | CHANGING) - {
            *("run_graph", "pull_model", "list_models", "search_catalog", "download_status")
        }
        assert code(await client.call_tool("run_graph", {"graph": solid()})) == "forbidden"
        assert code(await client.call_tool("no_such_tool", {})) == "not_found"
        # No database counts so far.
        for name in ("search_library", "list_workflows"):
            refused = await client.call_tool(name, {"start": 10**30})
            assert code(refused) == "invalid_request", name


async def test_refusals_are_errors_of_the_tool_with_our_codes(studio: RunningStudio) -> None:
    nobody = "0" * 36
    async with agent(studio) as client:
        for name, arguments, expected in (
            ("job_status", {"job_id": nobody}, "not_found"),
            ("job_status", {}, "invalid_request"),
            ("job_status", {"job_id": 7}, "invalid_request"),
            ("job_status", {"job_id": nobody, "more": 1}, "invalid_request"),
            ("fetch_result", {"asset_id": nobody}, "not_found"),
            ("fetch_result", {"asset_id": nobody, "job_id": nobody}, "invalid_request"),
            ("describe", {"workflow_id": "none"}, "not_found"),
            ("describe", {}, "invalid_request"),
            ("run_preset", {"preset_id": nobody}, "not_found"),
            (
                "run_workflow",
                {"workflow_id": "text-to-image", "values": {"size": 1}},
                "invalid_value",
            ),
            ("run_graph", {"graph": {"1": {"class_type": "None"}}}, "invalid_workflow"),
            ("pull_model", {"reference": "hf:a/b/c.safetensors"}, "invalid_request"),
            ("pull_model", {"entry_id": "none"}, "not_found"),
            ("search_library", {"kind": "smell"}, "invalid_request"),
            ("add_image", {"data_base64": "?"}, "invalid_request"),
        ):
            assert code(await client.call_tool(name, arguments)) == expected, name


async def test_an_agent_looks_for_models(studio: RunningStudio) -> None:
    async with agent(studio) as client:
        found = facts(await client.call_tool("search_catalog", {"query": "sdxl", "limit": 5}))
        assert 0 < len(found["items"]) <= 5
        assert found["items"][0]["state"] == "absent"
        assert facts(await client.call_tool("list_models", {}))["total"] >= 0
        assert facts(await client.call_tool("download_status", {}))["downloads"] == []


@pytest.mark.parametrize("key", ["wrong", ""])
def test_without_a_good_key_there_is_no_server(studio: RunningStudio, key: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for path in ("/mcp", "/mcp/"):
        answer = httpx.post(f"{studio.url}{path}", json=body, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_another_page_cannot_use_a_session_of_the_browser(studio: RunningStudio) -> None:
    with studio.client(None) as stranger:
        answer = stranger.post(
            "/mcp", json={}, headers={"Cookie": "studio=x", "Origin": "https://evil.example"}
        )
        assert answer.status_code in (401, 403)


def test_there_is_no_stream_to_open_and_no_session_to_end(owner: httpx.Client) -> None:
    for method in ("GET", "DELETE"):
        answer = owner.request(method, "/mcp")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
