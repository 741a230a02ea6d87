"""ComfyUI's own editor through Studio: its runs are jobs, and Studio's are none of its business."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from tests.api.editor import SAME_ORIGIN, inside, open_editor, queue_prompt, wait_inside
from tests.api.graphs import (
    endless,
    fresh_color,
    solid,
    submit,
    text_to_image,
    wait_ended,
    wait_for_status,
)
from tests.api.live_client import is_change, listen
from tests.api.studio_process import OWNER_KEY, RunningStudio


@pytest.fixture
def owner(any_studio: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's client, of a Studio with either engine."""
    with any_studio.client() as client:
        yield client


@pytest.fixture
def editor(any_studio: RunningStudio, owner: httpx.Client) -> Iterator[httpx.Client]:
    """A client inside the editor; what it and the test left is cancelled after."""
    with open_editor(any_studio) as client:
        yield client
        ids = [job["id"] for job in owner.get("/api/jobs", params={"limit": 50}).json()["jobs"]]
        owner.post("/api/jobs/cancel", json={"ids": ids})
        wait_inside(client, lambda queue: queue == ([], []))


def imported(owner: httpx.Client, since: set[str]) -> list[dict[str, Any]]:
    """The jobs of the editor's that are not among ``since``, newest first."""
    jobs = owner.get("/api/jobs", params={"limit": 200}).json()["jobs"]
    return [job for job in jobs if job["origin"] == "editor" and job["id"] not in since]


@pytest.fixture
def before(owner: httpx.Client) -> set[str]:
    return {job["id"] for job in imported(owner, set())}


def test_a_run_of_the_editors_is_a_job_of_the_owners_with_its_outputs(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    graph = solid("from/the editor", size=24)
    queue_prompt(editor, graph)
    (job,) = imported(owner, before)
    assert (job["user_id"], job["title"]) == ("owner", "ComfyUI editor")
    ended = wait_ended(owner, job["id"])
    assert ended["status"] == "succeeded"
    (output,) = ended["outputs"]
    assert output["name"].startswith("the editor_")
    content = owner.get(f"/api/v2/assets/{output['id']}/content")
    assert content.status_code == 200 and content.content.startswith(b"\x89PNG")
    # The file stays where the editor expects it.
    params = {"filename": output["name"], "subfolder": "from", "type": "output"}
    assert editor.get("/view", params=params).content == content.content
    again = queue_prompt(editor, graph)
    repeated = wait_ended(owner, imported(owner, before)[0]["id"])
    assert again and repeated["status"] == "succeeded"
    assert [one["hash"] for one in repeated["outputs"]] == [output["hash"]]


def test_what_the_engine_refuses_is_no_job(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    broken = solid()
    broken["1"]["inputs"]["width"] = "wide"
    answer = editor.post("/prompt", json={"prompt": broken})
    assert answer.status_code == 400 and answer.json()["node_errors"]
    assert editor.post("/prompt", content=b"no JSON").status_code == 400
    assert imported(owner, before) == []


def test_a_run_of_the_editors_is_seen_and_cancelled_in_studio(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    running, waiting = queue_prompt(editor, endless()), queue_prompt(editor, endless())
    second, first = imported(owner, before)
    wait_for_status(owner, first["id"], "running")
    assert owner.post(f"/api/jobs/{second['id']}/cancel").status_code == 200
    assert wait_ended(owner, second["id"])["status"] == "canceled"
    assert inside(editor) == ([running], []), waiting
    owner.post(f"/api/jobs/{first['id']}/cancel")
    assert wait_ended(owner, first["id"])["status"] == "canceled"
    assert inside(editor) == ([], [])


async def test_a_run_of_the_editors_shows_its_progress_in_studio_while_it_runs(
    any_studio: RunningStudio, owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    address = f"ws://{editor.base_url.host}:{editor.base_url.port}/ws?clientId=a-browser"
    origin = str(editor.base_url).rstrip("/")
    cookie = "; ".join(f"{name}={value}" for name, value in editor.cookies.items())
    async with (
        websockets.connect(
            address, additional_headers={"cookie": cookie, "origin": origin}, max_size=None
        ) as page,
        listen(any_studio.url, OWNER_KEY) as watcher,
    ):
        await page.send('{"type":"feature_flags","data":{"supports_preview_metadata":true}}')
        await watcher.snapshot("jobs")
        await watcher.subscribe("previews")
        graph = text_to_image(seed=fresh_color(), steps=4, size=64)
        await asyncio.to_thread(
            queue_prompt, editor, graph, extra_data={"preview_method": "latent2rgb"}
        )
        (job,) = await asyncio.to_thread(imported, owner, before)
        await watcher.until(is_change(job["id"], "succeeded"))
    steps = [
        message["data"]["progress"]["step"]
        for message in watcher.messages
        if message.get("event") == "progress" and message["data"]["id"] == job["id"]
    ]
    assert any(steps), watcher.messages
    assert {shown.head["job_id"] for shown in watcher.previews} == {job["id"]}


def test_studio_and_the_editor_take_turns(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    mine = [queue_prompt(editor, endless()) for _ in range(4)]
    first, second = (submit(owner, endless())["id"] for _ in range(2))
    running, waiting = wait_inside(editor, lambda queue: len(queue[1]) == 4)
    assert running == mine[:1]
    assert waiting[0] not in mine and waiting[1:] == mine[1:]
    assert editor.post("/interrupt").status_code == 200
    wait_for_status(owner, first, "running")
    assert inside(editor) == (waiting[:1], mine[1:])
    owner.post(f"/api/jobs/{first}/cancel")
    _, waiting = wait_inside(editor, lambda queue: queue[0] == mine[1:2] and len(queue[1]) == 3)
    assert waiting[0] not in mine and waiting[1:] == mine[2:]
    assert editor.post("/queue", json={"clear": True}).status_code == 200
    assert editor.post("/interrupt").status_code == 200
    wait_for_status(owner, second, "running")
    owner.post(f"/api/jobs/{second}/cancel")
    for job in imported(owner, before):
        assert wait_ended(owner, job["id"])["status"] == "canceled"


def test_what_the_editor_ends_is_its_own_runs_alone(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    job = submit(owner, endless())
    wait_for_status(owner, job["id"], "running")
    (ours,), _ = inside(editor)
    for path, body in (
        ("/queue", {"delete": [ours]}),
        ("/api/queue", {"delete": [ours]}),
        ("/interrupt", {"prompt_id": ours}),
        ("/api/interrupt", {"prompt_id": ours}),
        (f"/api/jobs/{ours}/cancel", {}),
        ("/api/jobs/cancel", {"job_ids": [ours]}),
    ):
        answer = editor.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path
    waiting = [queue_prompt(editor, endless()) for _ in range(3)]
    assert editor.post("/queue", json={"delete": waiting[:1]}).status_code == 200
    assert inside(editor) == ([ours], waiting[1:])
    assert editor.post("/api/queue", json={"clear": True}).status_code == 200
    assert inside(editor) == ([ours], [])
    assert editor.post("/interrupt").status_code == 200
    assert editor.post("/api/interrupt", json={}).status_code == 200
    assert inside(editor) == ([ours], [])
    for mine in imported(owner, before):
        assert wait_ended(owner, mine["id"])["status"] == "canceled"
    own = queue_prompt(editor, endless())
    owner.post(f"/api/jobs/{job['id']}/cancel")
    wait_ended(owner, job["id"])
    (mine,) = imported(owner, before | {one["id"] for one in imported(owner, before)[1:]})
    wait_for_status(owner, mine["id"], "running")
    assert inside(editor)[0] == [own]
    assert editor.post("/interrupt").status_code == 200
    assert wait_ended(owner, mine["id"])["status"] == "canceled"


def test_the_editor_forgets_its_own_runs_and_none_of_studios(
    owner: httpx.Client, editor: httpx.Client, before: set[str]
) -> None:
    job = wait_ended(owner, submit(owner, solid())["id"])
    mine = queue_prompt(editor, solid())
    wait_ended(owner, imported(owner, before)[0]["id"])
    history = editor.get("/history").json()
    (ours,) = [prompt for prompt in history if f"studio/{job['id']}" in json.dumps(history[prompt])]
    assert mine in history
    refused = editor.post("/history", json={"delete": [ours]})
    assert refused.status_code == 403
    assert editor.post("/api/history", json={"clear": True}).status_code == 200
    left = editor.get("/history").json()
    assert ours in left and mine not in left
    more = queue_prompt(editor, solid())
    wait_ended(owner, imported(owner, before)[0]["id"])
    assert editor.post("/history", json={"delete": [more]}).status_code == 200
    assert more not in editor.get("/history").json()


def test_studios_own_client_id_is_nobody_elses(
    any_studio: RunningStudio, editor: httpx.Client
) -> None:
    record = json.loads((any_studio.run_dir / "engines.json").read_text())
    (client_id,) = (engine["client_id"] for engine in record.values())
    answer = editor.post("/prompt", json={"prompt": solid(), "client_id": client_id})
    assert answer.status_code == 400
    cookie = "; ".join(f"{name}={value}" for name, value in editor.cookies.items())
    address = str(editor.base_url).replace("http", "ws", 1) + f"ws?clientId={client_id}"
    headers = {"cookie": cookie, **SAME_ORIGIN}
    with pytest.raises(websockets.InvalidStatus):
        connect(address, additional_headers=headers)
    with connect(address + "-not", additional_headers=headers) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "status"
