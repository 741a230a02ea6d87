"""Pictures by OpenAI's protocol, with its own client, drawn by the embedded engine."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from tests.api.asset_client import hash_of
from tests.api.studio_process import OWNER_KEY, RunningStudio


@pytest.fixture
def program(studio: RunningStudio) -> Iterator[OpenAI]:
    """OpenAI's client, as any program has it."""
    with OpenAI(base_url=f"{studio.url}/v1", api_key=OWNER_KEY, max_retries=0) as client:
        yield client


def picture(text: str | None) -> Image.Image:
    """The picture in an answer."""
    assert text is not None
    return Image.open(io.BytesIO(base64.b64decode(text)))


def png(color: tuple[int, ...], mode: str = "RGB") -> tuple[str, bytes, str]:
    """A small picture as the client sends it."""
    out = io.BytesIO()
    Image.new(mode, (64, 64), color).save(out, "PNG")
    return "picture.png", out.getvalue(), "image/png"


def test_the_official_client_draws_without_any_setting(program: OpenAI) -> None:
    made = program.images.generate(prompt="a red fox", size="128x64")
    assert made.data is not None
    assert [picture(one.b64_json).size for one in made.data] == [(128, 64)]
    assert made.size == "128x64"
    assert made.output_format == "png"
    assert made.created > 1_700_000_000


def test_the_size_that_is_told_is_that_of_the_picture(program: OpenAI) -> None:
    # Engines draw in steps of eight pixels, and a picture that is changed keeps its size.
    made = program.images.generate(prompt="a red fox", size="131x70")
    assert made.data is not None
    assert picture(made.data[0].b64_json).size == (128, 64)
    assert made.size == "128x64"
    changed = program.images.edit(image=png((9, 9, 9)), prompt="in winter", size="1024x1024")
    assert changed.data is not None
    width, height = picture(changed.data[0].b64_json).size
    assert changed.size == f"{width}x{height}" != "1024x1024"
    linked = program.images.generate(model="dall-e-3", prompt="a boat", size="131x70")
    assert linked.size == "128x64"
    [*_, last] = program.images.generate(prompt="a boat", size="131x70", stream=True)
    assert last.type == "image_generation.completed"
    assert last.size == "128x64"


def test_several_pictures_come_together_and_in_the_format_that_was_asked_for(
    program: OpenAI,
) -> None:
    made = program.images.generate(
        model="gpt-image-1", prompt="owls", n=3, size="64x64", output_format="webp"
    )
    assert made.data is not None
    assert [picture(one.b64_json).format for one in made.data] == ["WEBP"] * 3
    assert len({one.b64_json for one in made.data}) == 3


def test_a_link_opens_without_a_key_and_says_nothing_of_it(program: OpenAI) -> None:
    made = program.images.generate(model="dall-e-3", prompt="a boat", size="64x64")
    assert made.data is not None
    [one] = made.data
    assert one.b64_json is None
    assert one.url is not None
    assert OWNER_KEY not in one.url
    assert Image.open(io.BytesIO(httpx.get(one.url).content)).size == (64, 64)


def test_a_prompt_of_a_program_means_itself(program: OpenAI, owner: httpx.Client) -> None:
    text = r"a {red|blue} __animal__ [[which?]] \ {x}"
    program.images.generate(prompt=text, size="64x64")
    job = owner.get("/api/jobs", params={"limit": 1}).json()["jobs"][0]
    assert job["title"] == text
    graph = owner.get(f"/api/v2/jobs/{job['id']}/workflow").json()
    assert text in [node["inputs"].get("text") for node in graph["workflow"].values()]


def test_a_picture_is_edited(program: OpenAI) -> None:
    made = program.images.edit(image=png((200, 30, 30)), prompt="in winter", n=2)
    assert made.data is not None
    assert len({one.b64_json for one in made.data}) == 2


def test_a_mask_leads_to_the_workflow_that_paints_inside_of_one(program: OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as lacking:
        program.images.edit(
            image=png((200, 30, 30)), mask=png((0, 0, 0, 0), "RGBA"), prompt="a bridge"
        )
    # The embedded engine cannot; docs/programs.md says so.
    assert "SetLatentNoiseMask" in lacking.value.message


def test_refusals_are_openai_s_own_and_name_what_is_wrong(program: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        program.images.generate(model="no-such-model", prompt="x")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        program.images.generate(prompt="x", size="wide")
    assert (wrong.value.type, wrong.value.param) == ("invalid_request_error", "size")
    with pytest.raises(openai.UnprocessableEntityError):
        program.images.generate(prompt=" ")
    with pytest.raises(openai.UnprocessableEntityError) as too_large:
        program.images.generate(prompt="x", size="8000x8000")
    assert (too_large.value.code, too_large.value.param) == ("invalid_value", "size")
    with pytest.raises(openai.UnprocessableEntityError) as unreadable:
        program.images.edit(image=("a.png", b"no picture", "image/png"), prompt="x")
    assert unreadable.value.code in ("invalid_request", "invalid_value")
    with pytest.raises(openai.AuthenticationError):
        program.with_options(api_key="wrong").images.generate(prompt="x")


def test_a_refused_edit_leaves_no_pictures_behind(program: OpenAI, owner: httpx.Client) -> None:
    image, mask = png((1, 200, 30)), png((0, 0, 0, 0), "RGBA")
    path = f"/api/v2/assets/by-hash/{hash_of(image[1])}"
    for refused in (
        {"prompt": " "},
        {"prompt": "x", "model": "no-such-model"},
        {"prompt": "x", "output_format": "tiff"},
        {"prompt": "x", "mask": mask},
        {"prompt": "x", "mask": ("mask.png", b"no picture", "image/png")},
    ):
        with pytest.raises(openai.APIStatusError):
            program.images.edit(image=image, **refused)
        assert owner.head(path).status_code == 404, refused
    program.images.edit(image=image, prompt="x")
    assert owner.head(path).status_code == 200


def test_a_key_without_the_scope_draws_nothing(studio: RunningStudio) -> None:
    key = studio.make_key("assets")
    with (
        OpenAI(base_url=f"{studio.url}/v1", api_key=key, max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError) as refused,
    ):
        client.images.generate(prompt="x")
    assert refused.value.type == "permission_error"


def test_the_same_key_gets_the_same_pictures_and_draws_once(
    program: OpenAI, owner: httpx.Client
) -> None:
    headers = {"Idempotency-Key": "draw-me-once"}
    first = program.images.generate(prompt="a key", size="64x64", extra_headers=headers)
    again = program.images.generate(prompt="a key", size="64x64", extra_headers=headers)
    assert first.data is not None
    assert again.data is not None
    assert first.data[0].b64_json == again.data[0].b64_json
    assert len(_named(owner, "a key")) == 1
    with pytest.raises(openai.UnprocessableEntityError) as other:
        program.images.generate(prompt="another", size="64x64", extra_headers=headers)
    assert other.value.code == "idempotency_key_reuse"


def test_a_stream_ends_with_the_picture(program: OpenAI, owner: httpx.Client) -> None:
    saved = owner.post(
        "/api/presets",
        json={"name": "Slow", "workflow_id": "text-to-image", "values": {"steps": 20}},
    ).json()
    body = {"generate": {"preset_id": saved["id"]}}
    assert owner.put("/api/drawing-models/slow", json=body).status_code == 200
    stream = program.images.generate(
        model="slow", prompt="a slow fox", size="256x256", stream=True, partial_images=2
    )
    events = list(stream)
    assert events[-1].type == "image_generation.completed"
    assert picture(events[-1].b64_json).size == (256, 256)
    partial = [event for event in events if event.type == "image_generation.partial_image"]
    assert [event.partial_image_index for event in partial] == list(range(len(partial)))
    assert 1 <= len(partial) <= 2
    for event in partial:
        assert picture(event.b64_json).format == "PNG"


def test_an_edit_streams_as_well(program: OpenAI) -> None:
    stream = program.images.edit(image=png((9, 9, 200)), prompt="at night", stream=True)
    assert [event.type for event in stream][-1] == "image_edit.completed"


@pytest.fixture
async def patient(studio: RunningStudio) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{studio.url}/v1", api_key=OWNER_KEY, max_retries=0) as client:
        yield client


def test_the_owner_says_what_draws_under_a_name(program: OpenAI, owner: httpx.Client) -> None:
    saved = owner.post(
        "/api/presets",
        json={
            "name": "Foxes",
            "workflow_id": "text-to-image",
            "values": {"size": {"width": 64, "height": 128}, "steps": 2, "negative": "blurry"},
        },
    ).json()
    body = {"generate": {"preset_id": saved["id"]}}
    answer = owner.put("/api/drawing-models/foxes/small", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["generate"]["fields"]["prompt"] == "prompt"
    assert answer.json()["edit"] is None
    names = [one["name"] for one in owner.get("/api/drawing-models").json()["items"]]
    assert names[0] == "studio"
    assert "foxes/small" in names
    made = program.images.generate(model="foxes/small", prompt="a fox")
    assert made.data is not None
    assert picture(made.data[0].b64_json).size == (64, 128)
    with pytest.raises(openai.NotFoundError):
        program.images.edit(model="foxes/small", image=png((1, 2, 3)), prompt="a fox")

    assert owner.delete(f"/api/presets/{saved['id']}").status_code == 204
    with pytest.raises(openai.NotFoundError) as gone:
        program.images.generate(model="foxes/small", prompt="a fox")
    assert gone.value.code == "model_not_found"
    assert owner.delete("/api/drawing-models/foxes/small").status_code == 204
    assert owner.delete("/api/drawing-models/foxes/small").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"generate": None, "edit": None},
        {"generate": {}},
        {"generate": {"preset_id": "x", "workflow_id": "text-to-image"}},
        {"generate": {"workflow_id": "no-such-workflow"}},
        {"generate": {"workflow_id": "text-to-image", "fields": {"prompt": "nothing"}}},
        {"generate": {"workflow_id": "text-to-image", "fields": {"prompt": "seed"}}},
        {"generate": {"workflow_id": "text-to-image", "fields": {"sound": "prompt"}}},
        {"generate": {"workflow_id": "text-to-image", "fields": {"prompt": 1}}},
        {"edit": {"workflow_id": "text-to-image"}},
        {"generate": {"workflow_id": "upscale"}},
        {"draw": {"workflow_id": "text-to-image"}},
    ],
    ids=str,
)
def test_what_cannot_draw_is_not_stored(owner: httpx.Client, body: dict[str, object]) -> None:
    answer = owner.put("/api/drawing-models/broken", json=body)
    assert answer.status_code == 422, answer.text
    assert owner.delete("/api/drawing-models/broken").status_code == 404


async def test_whoever_hangs_up_leaves_nothing_in_the_queue_that_has_not_begun(
    studio: RunningStudio, paused: httpx.Client, patient: AsyncOpenAI
) -> None:
    with pytest.raises(openai.APITimeoutError):
        await patient.images.generate(prompt="nobody waits", size="64x64", timeout=1)
    [job] = _named(paused, "nobody waits")
    for _ in range(100):
        [job] = _named(paused, "nobody waits")
        if job["status"] == "canceled":
            break
        await asyncio.sleep(0.05)
    assert job["status"] == "canceled"

    headers = {"Idempotency-Key": "comes-back"}
    with pytest.raises(openai.APITimeoutError):
        await patient.images.generate(
            prompt="comes back", size="64x64", timeout=1, extra_headers=headers
        )
    [job] = _named(paused, "comes back")
    assert job["status"] == "queued"


def _named(client: httpx.Client, title: str) -> list[dict[str, str]]:
    jobs = client.get("/api/jobs", params={"limit": 20}).json()["jobs"]
    return [job for job in jobs if job["title"] == title]
