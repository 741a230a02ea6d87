"""Civitai's pictures that are kept here: which are, for how long, and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.civitai_house import CivitaiHouse, ids, open_civitai_house, png
from tests.faults.harness import until_it

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HALF_A_MEGABYTE = 410  # pixels a side


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CivitaiHouse]:
    async with open_civitai_house(tmp_path) as opened:
        yield opened


def files(folder: Path) -> list[Path]:
    """The bytes of the gallery that have a name, and those that never got one."""
    root = folder / "house/gallery/pictures"
    return [path for path in root.glob("*/*") if path.is_file()]


async def test_what_is_kept_is_there_without_the_network(house: CivitaiHouse) -> None:
    meta = {"prompt": "a fox", "seed": 7}
    house.publish(1, meta=meta)
    house.publish(2)
    assert ids(await house.collect()) == [1, 2]
    house.be_gone()
    kept = await house.kept()
    assert ids(kept) == [1, 2]
    assert kept["items"][0]["recipe"]["prompt"] == "a fox"
    assert (kept["count"], kept["used_bytes"]) == (2, len(png(1)) + len(png(2)))
    place = kept["items"][0]["kept"]["content"]
    answer = await house.client.get(place)
    assert (answer.content, answer.headers["content-type"]) == (png(1), "image/png")
    small = await house.client.get(kept["items"][0]["kept"]["thumbnail"])
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    looked = await house.client.get(
        "/api/civitai/look", params={"url": f"{house.civitai.base}/images/1"}
    )
    assert looked.json()["picture"]["recipe"]["seed"] == 7


async def test_what_is_kept_already_is_not_fetched_again(house: CivitaiHouse) -> None:
    house.publish(1)
    await house.collect()
    house.publish(2)
    house.civitai.origin.asked.clear()
    assert ids(await house.collect()) == [1, 2]
    assert [asked.path for asked in house.civitai.origin.asked] == ["pictures/2.png"]


async def test_it_goes_on_where_a_page_ended_at_civitai_and_here(house: CivitaiHouse) -> None:
    for number in range(1, 6):
        house.publish(number)
    first = await house.collect(limit=3)
    assert ids(first) == [1, 2, 3]
    second = await house.collect(limit=3, cursor=first["next_cursor"])
    assert (ids(second), second["next_cursor"]) == ([4, 5], None)
    page = await house.kept("?version=10&limit=2")
    assert ids(page) == [1, 2]
    assert ids(await house.kept(f"?version=10&limit=9&cursor={page['next_cursor']}")) == [3, 4, 5]
    everything = await house.kept("?limit=4")
    assert ids(everything) == [5, 4, 3, 2]
    assert ids(await house.kept(f"?cursor={everything['next_cursor']}")) == [1]


async def test_the_same_bytes_are_kept_once_under_all_their_ids(
    house: CivitaiHouse, tmp_path: Path
) -> None:
    house.publish(1, png(9))
    house.publish(2, png(9), meta={"prompt": "said later"}, modelVersionIds=[10, 20])
    assert len((await house.collect(limit=1))["items"]) == 1
    assert ids(await house.collect()) == [1]
    assert ids(await house.kept("?version=20")) == [1]
    answer = await house.client.get("/api/civitai/pictures/2")
    assert answer.json()["recipe"]["prompt"] == "said later"
    assert len(files(tmp_path)) == 1


async def test_what_is_not_for_everybody_needs_the_owners_word(house: CivitaiHouse) -> None:
    house.publish(1)
    house.publish(2, nsfwLevel="Mature", browsingLevel=4)
    house.publish(3, nsfw=None, nsfwLevel=None, browsingLevel=None)
    assert ids(await house.collect()) == [1]
    for answer in (
        await house.client.post("/api/civitai/gallery", json={"version_id": 10, "nsfw": True}),
        await house.client.get("/api/civitai/gallery?nsfw=1"),
        await house.client.get("/api/civitai/versions/10/pictures?nsfw=1"),
        await house.client.put("/api/civitai/pictures/2"),
        await house.client.post("/api/civitai/pictures/3/input"),
        await house.client.get(
            "/api/civitai/look", params={"url": f"{house.civitai.base}/images/2"}
        ),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "nsfw_left_out")
    setting = "/api/settings/CIVITAI_NSFW"
    assert (await house.client.put(setting, json={"value": 1})).status_code == 422
    assert (await house.client.put(setting, json={"value": True})).json()["value"] is True
    assert ids(await house.collect(nsfw=True)) == [1, 2, 3]
    assert ids(await house.kept()) == [1]
    assert ids(await house.kept("?version=10&nsfw=1")) == [1, 2, 3]
    await house.client.put(setting, json={"value": False})
    hidden = await house.client.get("/api/civitai/pictures/2/content")
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (403, "nsfw_left_out")


async def test_a_picture_published_twice_has_the_stricter_level(house: CivitaiHouse) -> None:
    house.publish(1, png(9))
    await house.collect()
    await house.client.put("/api/settings/CIVITAI_NSFW", json={"value": True})
    house.publish(2, png(9), nsfwLevel="X", browsingLevel=8)
    await house.collect(nsfw=True)
    assert ids(await house.kept()) == []


async def test_the_oldest_without_stars_go_when_there_is_no_room(tmp_path: Path) -> None:
    async with open_civitai_house(tmp_path, CIVITAI_GALLERY_MB="1") as house:
        for number in (1, 2, 3):
            house.publish(number, png(number, HALF_A_MEGABYTE))
            assert len(png(number, HALF_A_MEGABYTE)) > 500_000
        house.civitai.images.reverse()
        small = png(4)
        house.publish(4, small)
        assert ids(await house.collect(limit=1)) == [3]
        await house.client.put("/api/civitai/pictures/3/stars", json={"stars": 1})
        refused = await house.collect()
        assert ids(refused) == [3, 4]
        assert {one["code"] for one in refused["refused"]} == {"gallery_full"}
        await house.client.put("/api/civitai/pictures/3/stars", json={"stars": 0})
        answer = await house.client.put("/api/civitai/pictures/1")
        assert answer.status_code == 200, answer.text
        assert ids(await house.kept("")) == [1, 4]
        assert (await house.kept(""))["used_bytes"] <= 1_000_000
        assert len(files(tmp_path)) == 2
        gone = await house.client.get("/api/civitai/pictures/3/content")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "content", [b"<!doctype html><p>no</p>", SVG, b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + b"x" * 60]
)
async def test_what_is_no_picture_by_its_bytes_is_not_kept(
    house: CivitaiHouse, tmp_path: Path, content: bytes
) -> None:
    house.publish(1, content)
    house.publish(2)
    collected = await house.collect()
    assert ids(collected) == [2]
    assert [(one["id"], one["code"]) for one in collected["refused"]] == [(1, "not_a_model")]
    answer = await house.client.put("/api/civitai/pictures/1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_a_model")
    assert len(files(tmp_path)) == 1


async def test_a_body_without_an_end_is_cut_off(tmp_path: Path) -> None:
    async with open_civitai_house(tmp_path, CIVITAI_GALLERY_MB="1") as house:
        house.publish(1)
        served = house.civitai.origin.files["pictures/1.png"]
        served.endless = served.closes = True
        collected = await house.collect()
        assert [one["code"] for one in collected["refused"]] == ["too_large"]
        assert files(tmp_path) == []


async def test_a_picture_at_a_private_address_is_not_kept(house: CivitaiHouse) -> None:
    house.publish(1)
    house.civitai.images[0]["url"] = "http://169.254.169.254/latest/meta-data"
    collected = await house.collect()
    assert [one["code"] for one in collected["refused"]] == ["blocked_address"]
    house.civitai.images[0]["url"] = house.civitai.origin.url("pictures/1.png")
    house.civitai.origin.files["pictures/1.png"].redirect = "http://10.0.0.1/x.png"
    collected = await house.collect()
    assert [one["code"] for one in collected["refused"]] == ["blocked_address"]


async def test_who_is_asked_too_often_is_left_alone_and_asked_for_the_rest_later(
    house: CivitaiHouse,
) -> None:
    house.publish(1)
    house.publish(2)
    served = house.civitai.origin.files["pictures/2.png"]
    served.refusals = [(429, {"Retry-After": "1"})]
    collected = await house.collect()
    assert collected["next_cursor"] is None
    assert collected["retry_after_s"] in (1, 2)
    assert (2 not in ids(collected), collected["refused"]) == (True, [])
    asked = len(house.civitai.asked)
    answer = await house.client.post("/api/civitai/gallery", json={"version_id": 10})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "rate_limited")
    assert answer.json()["error"]["details"]["retry_after_s"] in (1, 2)
    assert int(answer.headers["retry-after"]) in (1, 2)
    assert len(house.civitai.asked) == asked

    async def is_kept() -> bool:
        return (await house.client.put("/api/civitai/pictures/2")).status_code == 200

    await until_it(is_kept, "Civitai is asked again")
    assert ids(await house.collect()) == [1, 2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "model_source_refused"),
        (403, "model_source_refused"),
        (404, "model_source_gone"),
        (429, "rate_limited"),
        (451, "model_source_gone"),
        (500, "source_unreachable"),
        (503, "rate_limited"),
    ],
)
async def test_what_civitai_refuses_is_said_with_its_code(
    house: CivitaiHouse, status: int, code: str
) -> None:
    house.civitai.forced("/api/v1/images", status)
    answer = await house.client.post("/api/civitai/gallery", json={"version_id": 10})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)


async def test_a_web_page_for_an_answer_is_an_error_of_civitais(house: CivitaiHouse) -> None:
    house.civitai.forced("/api/v1/images", 200, "<html>login</html>", "text/html")
    answer = await house.client.put("/api/civitai/pictures/1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "source_error")


async def test_stars_are_each_persons_own_and_only_the_owner_takes_out(
    house: CivitaiHouse,
) -> None:
    house.publish(1)
    await house.collect()
    async with house.somebody("Mia") as mia, house.somebody("Gus", "guest") as gus:
        rated = await mia.put("/api/civitai/pictures/1/stars", json={"stars": 4})
        assert rated.json()["kept"]["stars"] == 4
        assert ids((await mia.get("/api/civitai/gallery?stars=3")).json()) == [1]
        assert ids(await house.kept("?stars=1")) == []
        assert (await house.kept())["items"][0]["kept"]["stars"] == 0
        assert (await mia.delete("/api/civitai/pictures/1")).status_code == 403
        assert (await gus.get("/api/civitai/gallery")).status_code == 403
        assert (await gus.get("/api/civitai/pictures/1/content")).status_code == 403
    assert (await house.client.delete("/api/civitai/pictures/1")).status_code == 204
    assert ids(await house.kept()) == []


@pytest.mark.parametrize("stars", [6, -1, "3", None, True, 1.5])
async def test_stars_are_whole_numbers_from_none_to_five(
    house: CivitaiHouse, stars: object
) -> None:
    house.publish(1)
    await house.collect()
    answer = await house.client.put("/api/civitai/pictures/1/stars", json={"stars": stars})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


async def test_a_kept_picture_becomes_an_input_without_the_network(house: CivitaiHouse) -> None:
    house.publish(1)
    await house.collect()
    house.be_gone()
    async with house.somebody("Mia") as mia, house.somebody("Tom") as tom:
        asset = (await mia.post("/api/civitai/pictures/1/input")).json()
        place = f"/api/v2/assets/{asset['id']}"
        content = await mia.get(f"{place}/content", follow_redirects=True)
        assert content.content == png(1)
        assert (await tom.get(place)).status_code == 404


async def test_the_gallery_is_among_what_uses_the_disk(house: CivitaiHouse) -> None:
    house.publish(1)
    await house.collect()
    usage = (await house.client.get("/api/models/disk")).json()["usage"]
    assert usage["gallery"] >= len(png(1))
