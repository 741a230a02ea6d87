"""OpenAI's routes for text, asked by the official client."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.api.language_house import LanguageHouse, open_language_house
from tests.fakes.language import KEY as LANGUAGE_KEY

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TEXT = "Once upon a time"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LanguageHouse]:
    async with open_language_house(tmp_path) as opened:
        yield opened


async def test_the_official_client_gets_a_whole_answer(house: LanguageHouse) -> None:
    async with house.openai() as client:
        answer = await client.chat.completions.create(model="small", messages=HELLO)
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None and answer.usage.total_tokens == 6
    [asked] = house.fake.asked
    assert (asked["model"], asked["messages"]) == ("small", HELLO)


async def test_the_official_client_reads_a_stream(house: LanguageHouse) -> None:
    words = []
    async with house.openai() as client:
        chunks = await client.chat.completions.create(model="small", messages=HELLO, stream=True)
        async for chunk in chunks:
            words += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    assert words == list(house.fake.words)


async def test_the_official_client_completes_a_text_in_both_ways(house: LanguageHouse) -> None:
    async with house.openai() as client:
        whole = await client.completions.create(model="small", prompt="Tell")
        words = [
            chunk.choices[0].text
            async for chunk in await client.completions.create(
                model="small", prompt="Tell", stream=True
            )
        ]
    assert whole.choices[0].text == "".join(words) == TEXT


async def test_the_official_client_gets_vectors(house: LanguageHouse) -> None:
    async with house.openai() as client:
        answer = await client.embeddings.create(
            model="small", input=["a", "abc"], encoding_format="float"
        )
    assert [item.embedding for item in answer.data] == [[0.5, 1.0], [0.5, 3.0]]


async def test_vectors_come_in_base64_to_whoever_asks_for_that(house: LanguageHouse) -> None:
    # OpenAI's clients do by themselves, and the one for JavaScript reads nothing else.
    wanted = {"model": "small", "input": ["a", "abc"], "encoding_format": "base64"}
    async with house.client() as client:
        answer = await client.post("/v1/embeddings", json=wanted)
    read = [struct.unpack("<2f", b64decode(item["embedding"])) for item in answer.json()["data"]]
    assert read == [(0.5, 1.0), (0.5, 3.0)]
    async with house.openai() as official:
        by_default = await official.embeddings.create(model="small", input="abc")
    assert by_default.data[0].embedding == [0.5, 3.0]


async def test_models_are_listed_and_found_by_names_with_slashes(house: LanguageHouse) -> None:
    async with house.openai() as client:
        # What draws is a model too.
        listed = [model.id async for model in client.models.list()]
        assert listed == [*house.fake.models, "studio"]
        for name in ("org/large:q4", "studio"):
            assert (await client.models.retrieve(name)).id == name
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("org/other")


async def test_without_a_model_s_name_the_first_is_asked(house: LanguageHouse) -> None:
    async with house.client() as client:
        for path, body in (
            ("chat/completions", {"messages": HELLO}),
            ("embeddings", {"input": "a"}),
        ):
            answer = await client.post(f"/v1/{path}", json=body)
            assert answer.status_code == 200, answer.text
    assert [asked["model"] for asked in house.fake.asked] == ["small", "small"]


async def test_the_key_of_the_server_behind_goes_there_and_studio_s_own_does_not(
    house: LanguageHouse,
) -> None:
    async with house.openai() as client:
        await client.chat.completions.create(model="small", messages=HELLO)
    assert set(house.fake.keys) == {f"Bearer {LANGUAGE_KEY}"}


async def test_a_wrong_key_is_openai_s_own_refusal(house: LanguageHouse) -> None:
    async with house.openai("sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="small", messages=HELLO)
    assert caught.value.code == "unauthorized"
    assert caught.value.type == "authentication_error"
    assert house.fake.asked == []


async def test_a_model_that_nobody_has_is_a_coded_refusal(house: LanguageHouse) -> None:
    async with house.openai() as client:
        for stream in (False, True):
            with pytest.raises(openai.NotFoundError) as caught:
                await client.chat.completions.create(model="huge", messages=HELLO, stream=stream)
            assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
            assert "huge" in caught.value.message


async def test_a_model_that_draws_says_so_to_whoever_wants_to_talk(house: LanguageHouse) -> None:
    async with house.openai() as client:
        assert "studio" in [model.id async for model in client.models.list()]
        for stream in (False, True):
            with pytest.raises(openai.NotFoundError, match="draws pictures") as caught:
                await client.chat.completions.create(model="studio", messages=HELLO, stream=stream)
            assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("chat/completions", {}, "messages"),
        ("chat/completions", {"messages": "Hello"}, "messages"),
        ("chat/completions", {"messages": [5]}, "messages"),
        ("chat/completions", {"messages": HELLO, "stream": "yes"}, "stream"),
        ("chat/completions", {"messages": HELLO, "model": 5}, "model"),
        ("completions", {"prompt": ""}, "prompt"),
        ("embeddings", {"input": []}, "input"),
    ],
    ids=str,
)
async def test_a_body_that_cannot_be_meant_is_refused_by_its_field(
    house: LanguageHouse, path: str, body: dict[str, Any], param: str
) -> None:
    async with house.client() as client:
        answer = await client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["code"] == "invalid_request"
    assert house.fake.asked == []


async def test_below_v1_even_nothing_at_all_has_openai_s_shape(house: LanguageHouse) -> None:
    async with house.client() as client:
        for answer in (await client.get("/v1/nothing"), await client.get("/v1/chat/completions")):
            assert answer.status_code in (404, 405)
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
        elsewhere = await client.get("/api/nothing")
        assert elsewhere.json()["error"].keys() == {"message", "code", "details"}


async def test_what_the_server_behind_refuses_is_told_in_its_words(house: LanguageHouse) -> None:
    house.fake.refuses = 400, {"error": {"message": "This model's context has 512 tokens."}}
    async with house.openai() as client:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match="512 tokens"):
                await client.chat.completions.create(model="small", messages=HELLO, stream=stream)


async def test_a_server_that_dies_ends_the_stream_with_a_coded_error(house: LanguageHouse) -> None:
    house.fake.breaks_at = 2
    words = []
    async with house.openai() as client:
        chunks = await client.chat.completions.create(model="small", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError) as caught:
            async for chunk in chunks:
                words.append(chunk.choices[0].delta.content)
    assert words == ["Once", " upon"]
    assert caught.value.code == "language_server_died"


async def test_a_reader_who_leaves_stops_the_writing(house: LanguageHouse) -> None:
    house.fake.goes_on.clear()
    async with house.openai() as client:
        chunks = await client.chat.completions.create(model="small", messages=HELLO, stream=True)
        assert (await anext(aiter(chunks))).choices[0].delta.content == "Once"
        await chunks.close()
    async with asyncio.timeout(20):
        await house.fake.left.wait()


async def test_a_caller_who_does_not_wait_for_a_whole_answer_lets_go_of_the_server(
    house: LanguageHouse,
) -> None:
    house.fake.goes_on.clear()
    async with house.client() as client:
        asking = asyncio.create_task(
            client.post("/v1/chat/completions", json={"model": "small", "messages": HELLO})
        )
        async with asyncio.timeout(20):
            await house.fake.is_asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    house.fake.goes_on.set()
    async with house.openai() as client:
        answer = await client.chat.completions.create(model="small", messages=HELLO)
    assert answer.choices[0].message.content == TEXT


async def test_a_key_that_is_revoked_ends_what_is_read_with_it(house: LanguageHouse) -> None:
    house.fake.words = ["word"] * 100_000
    async with house.client() as owner:
        made = (await owner.post("/api/keys", json={"name": "reader", "scopes": ["jobs"]})).json()
        house.fake.goes_on.clear()
        async with house.openai(made["key"]) as client:
            chunks = await client.chat.completions.create(
                model="small", messages=HELLO, stream=True
            )
            reading = aiter(chunks)
            await anext(reading)
            assert (await owner.delete(f"/api/keys/{made['id']}")).status_code == 204
            house.fake.goes_on.set()
            assert len([chunk async for chunk in reading]) < 100
    async with asyncio.timeout(20):
        await house.fake.left.wait()
