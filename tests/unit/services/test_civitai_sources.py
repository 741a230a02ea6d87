"""References become files, at a server on loopback that answers as Civitai does."""

from __future__ import annotations

import pytest

from studio.errors import (
    InvalidRequest,
    SourceBusy,
    SourceError,
    SourceGone,
    SourceRefused,
    SourceUnreachable,
    StudioError,
)
from tests.fakes.hub_place import (
    CIVITAI_KEY,
    OWNER,
    SHA,
    Place,
    refused,
)
from tests.fakes.hub_place import place as place


@pytest.mark.parametrize(
    "reference",
    [
        "civitai:10",
        "civitai:10/100",
        "{base}/models/1/ink?modelVersionId=10",
        "{base}/models/1",
        "{base}/api/download/models/10?type=Model&format=SafeTensor",
        "urn:air:sdxl:lora:civitai:1@10",
    ],
)
async def test_every_way_to_name_a_version_finds_its_main_file(
    place: Place, reference: str
) -> None:
    found = await place.sources.resolve(reference.format(base=place.civitai.base), OWNER)
    assert found.url == f"{place.civitai.base}/api/download/models/10"
    assert (found.name, found.sha256, found.token) == ("ink.safetensors", SHA, "civitai")
    assert found.page == f"{place.civitai.base}/models/1?modelVersionId=10"
    assert found.license == "commercial use: Image, RentCivit; credit required"


async def test_another_file_of_a_version_is_asked_for_by_its_number(place: Place) -> None:
    found = await place.sources.resolve("civitai:10/101", OWNER)
    assert found.url == f"{place.civitai.base}/api/download/models/10?fileId=101"
    assert found.name == "ink.vae.pt"
    assert isinstance(await refused(place, "civitai:10/999"), SourceGone)


async def test_the_key_is_never_in_an_address_and_goes_to_civitai_alone(place: Place) -> None:
    place.tokens["CIVITAI_API_KEY"] = CIVITAI_KEY
    found = await place.sources.resolve("civitai:10", OWNER)
    assert CIVITAI_KEY not in found.url
    assert {held for _, _, held in place.civitai.asked} == {f"Bearer {CIVITAI_KEY}"}
    assert all(CIVITAI_KEY not in str(query) for _, query, _ in place.civitai.asked)
    assert place.civitai.origin.asked == []


async def test_a_file_for_members_says_that_a_key_is_needed(place: Place) -> None:
    place.civitai.members_only.add(10)
    error = await refused(place, "civitai:10")
    assert isinstance(error, SourceRefused)
    assert "set CIVITAI_API_KEY" in error.message
    place.tokens["CIVITAI_API_KEY"] = CIVITAI_KEY
    assert (await place.sources.resolve("civitai:10", OWNER)).sha256 == SHA


async def test_early_access_is_explained_in_civitais_words(place: Place) -> None:
    place.civitai.early_access.add(10)
    place.tokens["CIVITAI_API_KEY"] = CIVITAI_KEY
    error = await refused(place, "civitai:10")
    assert isinstance(error, SourceRefused)
    assert "This asset is in Early Access" in error.message
    assert f"{place.civitai.base}/models/1?modelVersionId=10" in error.message


async def test_a_key_that_has_expired_is_told(place: Place) -> None:
    place.tokens["CIVITAI_API_KEY"] = "of-long-ago"
    error = await refused(place, "civitai:10")
    assert isinstance(error, SourceRefused)
    assert "does not accept the key any more" in error.message


async def test_a_version_that_can_only_be_used_at_civitai_is_refused(place: Place) -> None:
    place.civitai.models[1]["modelVersions"][0]["usageControl"] = "Generation"
    assert isinstance(await refused(place, "civitai:10"), SourceRefused)


async def test_a_version_is_had_though_its_model_does_not_show_itself(place: Place) -> None:
    place.civitai.forced("/api/v1/models/1", 404)
    found = await place.sources.resolve("civitai:10", OWNER)
    assert (found.sha256, found.license) == (SHA, None)


async def test_a_model_that_was_taken_down_is_gone(place: Place) -> None:
    place.civitai.models[1]["mode"] = "TakenDown"
    assert isinstance(await refused(place, f"{place.civitai.base}/models/1"), SourceGone)


async def test_a_picture_is_no_file_of_a_model(place: Place) -> None:
    assert isinstance(await refused(place, f"{place.civitai.base}/images/3"), InvalidRequest)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, SourceGone),
        (429, SourceBusy),
        (451, SourceGone),
        (503, SourceBusy),
        (500, SourceUnreachable),
        (418, SourceError),
    ],
)
async def test_civitai_that_refuses_is_understood(
    place: Place, status: int, kind: type[StudioError]
) -> None:
    place.civitai.forced("/api/v1/model-versions", status, **{"Retry-After": "9"})
    error = await refused(place, "civitai:10")
    assert type(error) is kind
    # A little more than Civitai said, so that not everybody comes back at once.
    assert error.retry_after_s in ({9, 10} if kind is SourceBusy else {None})


async def test_civitai_is_left_alone_for_as_long_as_it_says(place: Place) -> None:
    place.civitai.forced("/api/v1", 429, **{"Retry-After": "60"})
    await refused(place, "civitai:10")
    place.civitai.answers.clear()
    asked = len(place.civitai.asked)
    error = await refused(place, "civitai:10")
    assert isinstance(error, SourceBusy)
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 66
    assert len(place.civitai.asked) == asked


async def test_civitai_that_names_no_time_is_left_alone_for_longer_each_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watch:
        now_s = 0.0

        def monotonic(self) -> float:
            return self.now_s

    watch = Watch()
    monkeypatch.setattr("studio.clients.civitai.time", watch)
    waits = []
    for _ in range(7):
        place.civitai.forced("/api/v1", 503)
        error = await refused(place, "civitai:10")
        assert error.retry_after_s is not None
        waits.append(error.retry_after_s)
        watch.now_s += error.retry_after_s
    for wait_s, least_s in zip(waits, (30, 60, 120, 240, 480, 600, 600), strict=True):
        assert least_s <= wait_s <= least_s * 1.1 + 1
    place.civitai.answers.clear()
    await place.sources.resolve("civitai:10", OWNER)
    place.civitai.forced("/api/v1", 503)
    error = await refused(place, "civitai:10")
    assert error.retry_after_s is not None
    assert error.retry_after_s <= 34


@pytest.mark.parametrize("body", ["<html>Just a moment...</html>", "[1, 2]", "{}", '{"id": "x"}'])
async def test_civitai_that_answers_something_else_is_an_error(place: Place, body: str) -> None:
    place.civitai.forced("/api/v1/model-versions", 200, body, "text/html")
    error = await refused(place, "civitai:10")
    assert type(error) is SourceError


async def test_a_file_with_a_hostile_name_gets_one_of_ours(place: Place) -> None:
    file = place.civitai.models[1]["modelVersions"][0]["files"][0]
    for name, expected in (
        ("../../etc/evil.safetensors", "evil.safetensors"),
        ("..", "civitai-100"),
        (None, "civitai-100"),
    ):
        file["name"] = name
        assert (await place.sources.resolve("civitai:10", OWNER)).name == expected
