"""Chunks of our own language servers: with their marks read, and together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from studio.services.language_answers import Joiner, Unmarked
from studio.services.language_marks import MarkReader

HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fox"}
CALL = '<tool_call>{"name": "draw", "arguments": {"prompt": "a fox"}}</tool_call>'


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def says(words: Sequence[str], finish: str | None = "stop") -> list[dict[str, Any]]:
    said = [chunk({"role": "assistant"}), *(chunk({"content": word}) for word in words)]
    return [*said, chunk({}, finish)] if finish else said


def read(chunks: Sequence[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    unmarked = Unmarked(MarkReader({"draw": None}), **more)
    found = [each for one in chunks for each in unmarked.add(one)]
    return [*found, *unmarked.end()]


def whole(chunks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    joiner = Joiner()
    for each in chunks:
        joiner.add(each)
    choice: dict[str, Any] = joiner.whole()["choices"][0]
    return choice


def test_words_come_as_they_came() -> None:
    found = read(says(["Hel", "lo"]))
    assert [each["choices"][0]["delta"] for each in found] == [
        {"role": "assistant"}, {"content": "Hel"}, {"content": "lo"}, {},
    ]  # fmt: skip
    assert found[-1]["choices"][0]["finish_reason"] == "stop"
    assert whole(found)["message"] == {"role": "assistant", "content": "Hello"}


def test_thoughts_and_calls_have_places_of_their_own() -> None:
    found = read(says(["<think>A fox.</th", "ink>I draw.\n", CALL[:20], CALL[20:]]))
    choice = whole(found)
    assert choice["finish_reason"] == "tool_calls"
    message = choice["message"]
    assert message["reasoning_content"] == "A fox."
    assert message["content"] == "I draw."
    [call] = message["tool_calls"]
    # Mistral's templates take nothing else back.
    assert re.fullmatch(r"[A-Za-z0-9]{9}", call.pop("id"))
    assert call == {
        "type": "function",
        "function": {"name": "draw", "arguments": '{"prompt": "a fox"}'},
    }


def test_thoughts_that_the_prompt_opened_end_where_they_end() -> None:
    [first, *rest] = says(["A fox.</think>", "\nHello"])
    found = read([{**first, "studio_thinks": True}, *rest])
    assert all("studio_thinks" not in each for each in found)
    assert whole(found)["message"] == {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "A fox.",
    }


def test_a_message_of_calls_alone_has_no_content() -> None:
    assert whole(read(says([CALL])))["message"]["content"] is None


def test_what_was_cut_off_says_so_and_is_text() -> None:
    choice = whole(read(says([CALL[:30]], finish="length")))
    assert choice["finish_reason"] == "length"
    assert choice["message"] == {"role": "assistant", "content": CALL[:30]}


def test_an_answer_that_only_stops_loses_nothing() -> None:
    found = read(says(["Hello <tool"], finish=None))
    assert whole(found)["message"]["content"] == "Hello <tool"


def test_whoever_wants_one_call_at_a_time_gets_one() -> None:
    found = read(says([CALL, CALL]), most_calls=1)
    assert len(whole(found)["message"]["tool_calls"]) == 1


def test_a_call_that_llama_cpp_was_held_to_has_its_name_once() -> None:
    def piece(arguments: str) -> dict[str, Any]:
        function = {"name": "draw", "arguments": arguments}
        calls = [{"index": 0, "id": "c1", "type": "function", "function": function}]
        return chunk(
            {"role": None, "content": None, "function_call": function, "tool_calls": calls}
        )

    first = {"name": "draw", "arguments": '{"a"'}
    found = read(
        [chunk({"role": "assistant"}), piece('{"a"'), piece(": 1}"), chunk({}, "tool_calls")]
    )
    assert [each["choices"][0]["delta"].get("tool_calls") for each in found] == [
        None,
        [{"index": 0, "id": "c1", "type": "function", "function": first}],
        [{"index": 0, "function": {"arguments": ": 1}"}}],
        None,
    ]  # fmt: skip
    assert "function_call" not in found[1]["choices"][0]["delta"]
    [call] = whole(found)["message"]["tool_calls"]
    assert call["function"] == {"name": "draw", "arguments": '{"a": 1}'}


def test_a_chunk_without_choices_is_handed_on() -> None:
    usage = {**HEAD, "choices": [], "usage": {"total_tokens": 3}}
    assert read([usage]) == [usage]
