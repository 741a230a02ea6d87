"""References become files, at a hub on loopback that answers as Hugging Face does."""

from __future__ import annotations

import pytest

from studio.clients.hub import HubClient
from studio.errors import (
    BlockedAddress,
    SourceBusy,
    SourceError,
    SourceGone,
    SourceRefused,
    SourceUnreachable,
    StudioError,
)
from studio.net import Outbound
from tests.fakes.hub import COMMIT, running_hub
from tests.fakes.hub_place import (
    ALLOWED,
    BYTES,
    HF_KEY,
    OWNER,
    SHA,
    Place,
    open_place,
    refused,
)
from tests.fakes.hub_place import place as place


async def test_a_file_of_hugging_face_is_pinned_to_its_commit_with_size_hash_and_licence(
    place: Place,
) -> None:
    found = await place.sources.resolve("hf:a/model/d/one.safetensors", OWNER)
    assert found.url == f"{place.hub.base}/a/model/resolve/{COMMIT}/d/one.safetensors"
    assert (found.name, found.size_bytes, found.sha256) == ("one.safetensors", len(BYTES), SHA)
    assert (found.license, found.token) == ("apache-2.0", "huggingface")
    assert found.page == f"{place.hub.base}/a/model"


async def test_a_small_file_has_no_sha256_because_its_tag_is_a_hash_of_gits(place: Place) -> None:
    found = await place.sources.resolve("hf:a/model/config.json@main", OWNER)
    assert (found.size_bytes, found.sha256) == (2, None)


async def test_the_address_of_a_page_at_hugging_face_means_its_file(place: Place) -> None:
    found = await place.sources.resolve(
        f"{place.hub.base}/a/model/blob/main/d/one.safetensors", OWNER
    )
    assert found.sha256 == SHA


async def test_the_token_reaches_the_hub_and_nobody_else(place: Place) -> None:
    place.tokens["HF_TOKEN"] = HF_KEY
    await place.sources.resolve("hf:a/model/d/one.safetensors", OWNER)
    assert {held for _, _, held in place.hub.asked} == {f"Bearer {HF_KEY}"}
    assert place.hub.origin.asked == []


async def test_the_token_does_not_follow_a_redirect_to_another_port_of_the_host(
    place: Place,
) -> None:
    place.tokens["HF_TOKEN"] = HF_KEY
    place.hub.origin.serve("elsewhere", b"x")
    place.hub.forced("/a/model/resolve", 302, Location=place.hub.origin.url("elsewhere"))
    await refused(place, "hf:a/model/d/one.safetensors")
    assert [asked.path for asked in place.hub.origin.asked] == ["elsewhere"]
    assert "authorization" not in place.hub.origin.asked[0].headers


async def test_a_token_in_the_home_of_studios_user_is_not_used(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")
    await place.sources.resolve("hf:a/model/d/one.safetensors", OWNER)
    assert {held for _, _, held in place.hub.asked} == {None}


async def test_a_gated_file_says_which_page_to_accept_and_that_a_token_is_needed(
    place: Place,
) -> None:
    place.hub.repositories["a/model"].gated = "auto"
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert isinstance(error, SourceRefused)
    assert f"accept it at {place.hub.base}/a/model" in error.message
    assert "HF_TOKEN" in error.message
    place.tokens["HF_TOKEN"] = HF_KEY
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert isinstance(error, SourceRefused)
    assert "HF_TOKEN" not in error.message
    place.hub.repositories["a/model"].accepted_by.add(HF_KEY)
    assert (await place.sources.resolve("hf:a/model/d/one.safetensors", OWNER)).sha256 == SHA


async def test_a_token_that_has_expired_is_told_apart_from_none(place: Place) -> None:
    place.tokens["HF_TOKEN"] = "hf_of-long-ago"
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert isinstance(error, SourceRefused)
    assert "does not accept the token any more" in error.message


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("hf:a/model/two.safetensors", "no such file in a/model"),
        ("hf:a/model/d/one.safetensors@v9", "no such revision of a/model"),
        ("hf:a/other/x.safetensors", "no a/other"),
    ],
)
async def test_what_is_not_at_hugging_face_is_gone(
    place: Place, reference: str, words: str
) -> None:
    place.tokens["HF_TOKEN"] = HF_KEY
    error = await refused(place, reference)
    assert isinstance(error, SourceGone)
    assert words in error.message


async def test_a_repository_that_does_not_show_itself_may_be_private(place: Place) -> None:
    place.hub.repositories["a/model"].private = True
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert isinstance(error, SourceRefused)
    assert "private" in error.message


async def test_a_disabled_repository_is_gone(place: Place) -> None:
    place.hub.repositories["a/model"].disabled = True
    assert isinstance(await refused(place, "hf:a/model/d/one.safetensors"), SourceGone)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, SourceBusy), (503, SourceBusy), (451, SourceGone), (500, SourceError)],
)
async def test_a_hub_that_refuses_is_understood(
    place: Place, status: int, kind: type[StudioError]
) -> None:
    place.hub.forced("/a/model", status, **{"Retry-After": "77"})
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert type(error) is kind
    assert error.retry_after_s == (77 if kind is SourceBusy else None)


async def test_a_web_page_is_no_hub(place: Place) -> None:
    place.hub.forced("/a/model", 200, **{"Content-Type": "text/html"})
    error = await refused(place, "hf:a/model/d/one.safetensors")
    assert "no hub of its kind" in error.message


async def test_a_hub_without_cards_gives_its_files_all_the_same(place: Place) -> None:
    place.hub.forced("/api/models/a/model", 500)
    found = await place.sources.resolve("hf:a/model/d/one.safetensors", OWNER)
    assert (found.sha256, found.license) == (SHA, None)


async def test_hubs_are_asked_under_the_rules_for_connections() -> None:
    async with open_place(allow=()) as place:
        for reference in ("hf:a/model/one.safetensors", "civitai:10"):
            assert isinstance(await refused(place, reference), BlockedAddress)
        assert (place.hub.asked, place.civitai.asked) == ([], [])


async def test_a_hub_that_is_not_there_is_unreachable(place: Place) -> None:
    async with running_hub() as gone:
        base = gone.base
    client = HubClient(endpoint=base, token=lambda: None, outbound=Outbound(ALLOWED))
    with pytest.raises(SourceUnreachable):
        await client.file("a/model", "one.safetensors")
    await client.close()


# -- addresses and search -------------------------------------------------------------------------


async def test_an_address_of_no_hub_is_what_it_says(place: Place) -> None:
    found = await place.sources.resolve("https://files.example/x/y.safetensors", OWNER)
    assert (found.url, found.name) == ("https://files.example/x/y.safetensors", "y.safetensors")
    assert found.token is None
    error = await refused(place, "https://files.example/y.safetensors?token=hush")
    assert "hush" not in error.message


async def test_a_file_is_found_by_its_hash_first_and_then_by_its_name(place: Place) -> None:
    place.hub.repositories["a/model"].lfs["d/ink.safetensors"] = b"other bytes"
    named = await place.search.search(sha256=None, name="ink.safetensors", by=OWNER)
    assert {(offer.source, offer.match) for offer in named} == {
        ("huggingface", "name"),
        ("civitai", "name"),
    }
    sure = await place.search.search(sha256=SHA, name="ink.safetensors", by=OWNER)
    assert [(offer.source, offer.match, offer.reference) for offer in sure] == [
        ("civitai", "hash", "civitai:10/100")
    ]
    assert sure[0].folder == "loras"
    assert (await place.sources.resolve(sure[0].reference, OWNER)).sha256 == SHA


async def test_what_one_hub_has_is_offered_though_the_other_one_fails(place: Place) -> None:
    place.hub.forced("/api/models", 503)
    found = await place.search.search(sha256=None, name="ink.safetensors", by=OWNER)
    assert [offer.source for offer in found] == ["civitai"]
    with pytest.raises(SourceBusy):
        await place.search.search(sha256=None, name="unknown.safetensors", by=OWNER)


async def test_a_gated_file_is_offered_with_its_page(place: Place) -> None:
    place.hub.repositories["a/model"].gated = "manual"
    found = await place.search.search(sha256=None, name="one.safetensors", by=OWNER)
    assert [(offer.gated, offer.page) for offer in found] == [(True, f"{place.hub.base}/a/model")]
