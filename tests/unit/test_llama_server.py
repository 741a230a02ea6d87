"""What streams of llama.cpp's server cost, and what its templates get, by a class of its shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from boot.llama_server import read_arguments, tell_more

END = 2


class Model:
    """Writes the tokens 5, 6 and the one that ends."""

    def generate(self, tokens: list[int], *, top_k: int = 0) -> Iterator[int]:
        assert top_k == 3
        yield from (5, 6, END)

    def detokenize(self, tokens: list[int], *, special: bool) -> bytes:
        assert special and len(tokens) <= 8
        return b"<a>" + b"<think>\n" * tokens[-1]

    def __call__(self, prompt: str, *, stream: bool = False) -> Any:
        chunks = (
            {"id": "c", "choices": [token]}
            for token in self.generate([0] * 6 + [int("why" in prompt)], top_k=3)
        )
        return chunks if stream else list(chunks)

    def create_chat_completion(self, *, messages: list[Any], model: str, stream: bool) -> Any:
        return Model.__call__(self, f"{model}: {messages}", stream=stream)


def model() -> Model:
    class Counted(Model):
        pass

    tell_more(Counted, lambda _, token: token == END)
    return Counted()


def test_a_stream_ends_with_what_it_cost() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    asked: dict[str, Any] = {"messages": [], "model": "fox", "stream": True}
    for chunks in (model()("a", stream=True), model().create_chat_completion(**asked)):
        *said, last = chunks
        assert [chunk["choices"] for chunk in said] == [[5], [6], [END]]
        assert last == {"id": "c", "choices": [], "usage": usage}


def test_an_answer_that_begins_in_thoughts_says_so_once() -> None:
    first, *rest = model()("why", stream=True)
    assert first == {"id": "c", "choices": [5], "studio_thinks": True}
    assert not any("studio_thinks" in chunk for chunk in rest)


def test_a_whole_answer_is_as_it_was() -> None:
    assert model()("a") == [{"id": "c", "choices": [token]} for token in (5, 6, END)]


class Chat:
    """Gives back the messages that it got."""

    def create_chat_completion(self, *, messages: list[Any], stream: bool) -> Any:
        assert stream
        return messages


def arguments_of(said: str) -> Any:
    class Reading(Chat):
        pass

    read_arguments(Reading)
    function = {"name": "draw", "arguments": said}
    asked = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": function}]}
    hello = {"role": "user", "content": "Hello", "tool_calls": None}
    got_hello, got = Reading().create_chat_completion(messages=[hello, asked], stream=True)
    assert got_hello == hello
    assert asked["tool_calls"] == [{"id": "1", "function": {"name": "draw", "arguments": said}}]
    [call] = got["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("1", "draw")
    return call["function"]["arguments"]


def test_templates_find_arguments_as_a_mapping_as_json_and_as_a_text() -> None:
    said = '{"what":"a \\u0066ox"}'
    found = arguments_of(said)
    assert dict(found.items()) == {"what": "a fox"}
    assert json.dumps(found) == '{"what": "a fox"}'
    assert str(found) == f"{found}" == said
    assert "<" + found + ">" == f"<{said}>"
    assert found + ">" == f"{said}>"


def test_no_arguments_are_an_empty_mapping() -> None:
    assert arguments_of("") == {}


@pytest.mark.parametrize("said", ["{", "[1]", "5", "[" * 100_000])
def test_what_is_no_mapping_stays_what_the_model_wrote(said: str) -> None:
    assert arguments_of(said) == said
