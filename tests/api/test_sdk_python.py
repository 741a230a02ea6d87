"""Comfy Org's own Python client, unchanged, against Studio."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from comfy_sdk import (
    AsyncComfy,
    Comfy,
    IdempotencyKeyReuse,
    InvalidWorkflow,
    JobFailed,
    MissingAsset,
    NotFound,
    OutputReady,
    Preview,
    Progress,
    QueueFull,
    StatusChange,
    Unauthorized,
    WorkflowFormatUi,
)
from comfy_sdk.events import Event
from PIL import Image

from tests.api.graphs import endless, fresh_color, fresh_png, invert, png, solid, text_to_image
from tests.api.studio_process import OWNER_KEY, ROOT, RunningStudio, run_studio


@pytest.fixture
def comfy(any_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Comfy]:
    """The client as its own documentation sets it up: two variables of the environment."""
    monkeypatch.setenv("COMFY_BASE_URL", any_studio.url)
    monkeypatch.setenv("COMFY_API_KEY", OWNER_KEY)
    with Comfy() as client:
        yield client


@pytest.fixture
async def async_comfy(
    any_studio: RunningStudio, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncComfy]:
    monkeypatch.setenv("COMFY_BASE_URL", any_studio.url)
    monkeypatch.setenv("COMFY_API_KEY", OWNER_KEY)
    async with AsyncComfy() as client:
        yield client


def assert_order(events: list[Event], outputs: int) -> None:
    """A status first, every output before the terminal status, which is the last."""
    assert isinstance(events[0], StatusChange)
    assert events[-1] == StatusChange(status="succeeded", queue_position=None)
    assert sum(isinstance(event, OutputReady) for event in events) == outputs


def test_a_picture_goes_in_by_its_name_and_comes_out_inverted(comfy: Comfy, tmp_path: Path) -> None:
    source = tmp_path / f"{uuid.uuid4()}.png"
    source.write_bytes(png("#0a141e"))
    comfy.assets.from_file(source).commit()
    job = comfy.submit(comfy.workflows.from_json(invert(source.name)))
    assert_order(list(job.events()), outputs=1)
    [output] = job.result().get_outputs("3")
    target = output.to_file(tmp_path / "out.png")
    with Image.open(target) as picture:
        assert picture.convert("RGB").getpixel((0, 0)) == (0xF5, 0xEB, 0xE1)
    assert output.to_bytes(range=(1, 3)) == b"PNG"
    with Image.open(io.BytesIO(output.to_bytes())) as picture:
        assert picture.size == (12, 8)


def test_the_first_program_says_where_its_picture_is_and_leaves_the_clone_clean(
    comfy: Comfy, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    (clone / "examples").mkdir(parents=True)
    program = Path(shutil.copy(ROOT / "examples/first.py", clone / "examples"))
    source = tmp_path / "mine.png"
    source.write_bytes(fresh_png())
    ended = subprocess.run(
        [sys.executable, program, source], cwd=clone, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    [saved] = [line for line in ended.stdout.splitlines() if line.startswith("saved ")]
    made = Path(saved.removeprefix("saved "))
    assert made.parent == clone / "pictures"
    assert made.read_bytes().startswith(b"\x89PNG")
    assert sorted(each.name for each in clone.iterdir()) == ["examples", "pictures"]
    assert "/pictures/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_an_asset_handle_in_a_graph_is_uploaded_once(comfy: Comfy) -> None:
    data = fresh_png()
    workflow = comfy.workflows.from_json(invert("placeholder.png"))
    first = comfy.assets.from_bytes(data, filename="handle.png", content_type="image/png")
    workflow.set_input("1", "image", first)
    assert comfy.run(workflow).status == "succeeded"
    again = comfy.assets.from_bytes(data, filename="handle.png", content_type="image/png")
    again.commit()
    assert first.created_new is True
    assert again.created_new is False


def test_the_same_graph_again_is_delivered_in_full(comfy: Comfy) -> None:
    graph = solid("albums/summer/beach")
    for _ in range(2):
        job = comfy.submit(comfy.workflows.from_json(graph))
        assert_order(list(job.events()), outputs=1)
        assert [output.name for output in job.result().outputs] == ["beach_00001_.png"]


def test_text_becomes_a_picture_with_previews(comfy: Comfy) -> None:
    graph = text_to_image(seed=fresh_color(), steps=40)
    events = list(comfy.submit(comfy.workflows.from_json(graph)).events())
    assert_order(events, outputs=1)
    values = [event.value for event in events if isinstance(event, Progress)]
    assert values
    assert values == sorted(values)
    assert any(isinstance(event, Preview) and event.to_pil().size for event in events)


def test_a_cancel_ends_the_job_and_its_result_says_so(comfy: Comfy) -> None:
    job = comfy.submit(comfy.workflows.from_json(endless()))
    job.cancel()
    assert job.wait(timeout=30).status == "canceled"
    with pytest.raises(JobFailed):
        job.result()


def test_jobs_are_listed_by_their_labels(comfy: Comfy) -> None:
    label = {"batch": str(uuid.uuid4())}
    ids = [comfy.submit(comfy.workflows.from_json(solid()), metadata=label).id for _ in range(3)]
    summaries = list(comfy.list_jobs(metadata=label, limit=2))
    assert [summary.id for summary in summaries] == ids[::-1]
    assert all(summary.metadata == label for summary in summaries)
    assert all(summary.create_time and summary.update_time for summary in summaries)
    assert comfy.jobs.get(ids[0]).metadata == label


def test_a_job_is_found_again_by_its_id_alone(comfy: Comfy) -> None:
    graph = solid()
    job = comfy.run(comfy.workflows.from_json(graph))
    again = comfy.jobs.get(job.id)
    workflow = again.get_workflow()
    assert (workflow.graph, workflow.format) == (graph, "api")
    assert [output.id for output in again.outputs] == [output.id for output in job.outputs]


def test_refusals_are_the_clients_own_exceptions(comfy: Comfy) -> None:
    def submit(graph: dict[str, object], key: str | None = None) -> None:
        comfy.submit(comfy.workflows.from_json(graph), idempotency_key=key)

    with pytest.raises(MissingAsset) as missing:
        submit(invert("never-uploaded.png"))
    assert missing.value.code == "missing_asset"
    unknown = solid()
    unknown["2"]["class_type"] = "SaveImagee"
    with pytest.raises(InvalidWorkflow):
        submit(unknown)
    key = str(uuid.uuid4())
    submit(solid(), key)
    with pytest.raises(IdempotencyKeyReuse) as reuse:
        submit(solid(), key)
    assert reuse.value.idempotency_key == key
    with pytest.raises(NotFound):
        comfy.jobs.get(str(uuid.uuid4()))
    with pytest.raises(NotFound):
        comfy.assets.get(str(uuid.uuid4()))
    with Comfy(api_key="wrong") as stranger, pytest.raises(Unauthorized):
        stranger.submit(stranger.workflows.from_json(solid()))


def test_the_servers_own_word_on_the_editors_format_is_typed_too(comfy: Comfy) -> None:
    """The client looks for lists under both names; this graph gets past it to the server."""
    with pytest.raises(WorkflowFormatUi):
        comfy.submit(comfy.workflows.from_json({"nodes": [], "links": []}))


def test_a_full_queue_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfy_sdk.client._QUEUE_RETRY_BUDGET", 0.0)
    variables = {"MAX_QUEUE_DEPTH": "1"}
    with run_studio(tmp_path, variables, engine=False) as studio:
        monkeypatch.setenv("COMFY_BASE_URL", studio.url)
        with Comfy(api_key=OWNER_KEY) as comfy:
            waiting = comfy.submit(comfy.workflows.from_json(solid()))
            with pytest.raises(QueueFull) as full:
                comfy.submit(comfy.workflows.from_json(solid()))
            assert full.value.retry_after == 5
            # The server's five seconds are the client's to wait; here somebody makes room.
            with monkeypatch.context() as patch:
                patch.setattr("comfy_sdk.client._QUEUE_RETRY_BUDGET", 60.0)
                patch.setattr("comfy_sdk.client.time.sleep", lambda _: void(waiting.cancel()))
                assert comfy.submit(comfy.workflows.from_json(solid())).status == "queued"


def void(_: object) -> None:
    """Drop a value."""


async def test_the_async_client_does_the_same(async_comfy: AsyncComfy, tmp_path: Path) -> None:
    name = f"{uuid.uuid4()}.png"
    asset = async_comfy.assets.from_bytes(fresh_png(), filename=name, content_type="image/png")
    workflow = async_comfy.workflows.from_json(invert("placeholder.png", "async/inverted"))
    workflow.set_input("1", "image", asset)
    job = await async_comfy.submit(workflow, metadata={"client": "async"})
    assert_order([event async for event in job.events()], outputs=1)
    [output] = (await job.result()).outputs
    assert (await output.to_bytes()).startswith(base64.b64decode("iVBORw0KGgo="))
    assert (await (await async_comfy.jobs.get(job.id)).get_workflow()).format == "api"
    by_name = await async_comfy.run(async_comfy.workflows.from_json(invert(name)))
    assert by_name.status == "succeeded"
    listed = [summary.id async for summary in async_comfy.list_jobs(metadata={"client": "async"})]
    assert job.id in listed
    endless_job = await async_comfy.submit(async_comfy.workflows.from_json(endless()))
    await endless_job.cancel()
    assert (await endless_job.wait(timeout=30)).status == "canceled"
    with pytest.raises(MissingAsset):
        await async_comfy.submit(async_comfy.workflows.from_json(invert("nope.png")))
