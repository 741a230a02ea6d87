"""OpenAI's requests as our own language servers get them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from studio.errors import InvalidRequest
from studio.services.language_requests import CHAT, request_for, tools_of

DRAW = {"type": "function", "function": {"name": "draw", "parameters": {"type": "object"}}}
SEARCH = {"type": "function", "function": {"name": "search"}}
HELLO = {"role": "user", "content": "Hello"}
CALL = {
    "id": "a1B2c3D4e",
    "type": "function",
    "function": {"name": "draw", "arguments": '{"a": 1}'},
}


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    facts = {name: more.pop(name) for name in ("takes_tools", "takes_system") if name in more}
    asked = {"model": "fox", "messages": list(messages) or [HELLO], **more}
    return request_for(CHAT, asked, takes_pictures=False, **facts)


def test_what_llama_cpp_does_not_know_is_not_handed_on() -> None:
    asked = chat(temperature=0.5, seed=None, user="x", lora="/etc/passwd", max_completion_tokens=9)
    assert asked == {"messages": [HELLO], "temperature": 0.5, "max_tokens": 9}


@pytest.mark.parametrize(
    "said",
    [
        {"n": 2}, {"n": True}, {"best_of": 3}, {"logprobs": True}, {"logprobs": 0},
        {"top_logprobs": 5}, {"echo": True}, {"suffix": "."}, {"functions": [{"name": "x"}]},
        {"function_call": {"name": "x"}}, {"modalities": ["text", "audio"]}, {"audio": {}},
        {"dimensions": 256},
    ],
    ids=str,
)  # fmt: skip
def test_what_would_be_left_out_is_refused_by_its_name(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**said)
    assert caught.value.details == {"field": next(iter(said))}


def test_what_asks_for_nothing_more_is_let_through() -> None:
    nothing = {"n": 1, "logprobs": False, "echo": False, "best_of": 1, "suffix": None}
    assert chat(**nothing) == {"messages": [HELLO]}


@pytest.mark.parametrize("prompt", [["a", "b"], [], [1, 2], [[1]]], ids=str)
def test_several_prompts_at_once_are_refused(prompt: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_for("completions", {"prompt": prompt}, takes_pictures=False)
    assert caught.value.details == {"field": "prompt"}


def test_a_list_of_one_prompt_is_that_prompt() -> None:
    asked = request_for("completions", {"prompt": ["a"]}, takes_pictures=False)
    assert asked == {"prompt": "a"}


def test_messages_have_the_shapes_that_its_server_takes() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    asked = chat(
        {"role": "developer", "content": parts, "name": None},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": parts},
    )
    assert asked["messages"] == [
        {"role": "system", "content": "a\nb"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": "a\nb"},
    ]


def test_ids_of_calls_have_the_form_that_every_template_takes_and_still_belong_together() -> None:
    ids = ["call_0198c7de", "call_1", "ten.letter", "é" * 9]
    asked = chat(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [*({**CALL, "id": each} for each in ids), CALL],
        },
        *({"role": "tool", "tool_call_id": each, "content": "so"} for each in [*ids, CALL["id"]]),
    )
    said, *answers = asked["messages"]
    found = [call["id"] for call in said["tool_calls"]]
    assert [answer["tool_call_id"] for answer in answers] == found
    assert len(set(found)) == 5
    assert found[-1] == CALL["id"]
    assert all(re.fullmatch(r"[A-Za-z0-9]{9}", each) for each in found)


@pytest.mark.parametrize(
    "odd", [{"tool_calls": ["x", {}, {"id": 5}]}, {"tool_call_id": 5}], ids=str
)
def test_what_is_no_id_stays_as_it_was(odd: dict[str, Any]) -> None:
    said = {"role": "assistant", "content": "x", **odd}
    assert chat(said)["messages"] == [said]


def test_an_answer_s_schema_is_told_in_llama_cpp_s_words() -> None:
    schema = {"type": "object"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert chat(response_format=form)["response_format"] == {
        "type": "json_object",
        "schema": schema,
    }
    with pytest.raises(InvalidRequest):
        chat(response_format={"type": "json_schema"})


def test_tools_are_for_the_template_that_takes_them() -> None:
    asked = chat(tools=[DRAW, SEARCH], tool_choice="auto")
    assert asked["messages"] == [HELLO]
    assert asked["tools"][0] == DRAW
    assert asked["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert "tool_choice" not in asked
    assert list(tools_of(asked)) == ["draw", "search"]


def test_none_of_the_tools_is_no_tools() -> None:
    assert chat(tools=[DRAW], tool_choice="none") == {"messages": [HELLO]}


def test_a_tool_that_has_to_be_called_is_named() -> None:
    named = {"type": "function", "function": {"name": "draw"}}
    assert chat(tools=[DRAW], tool_choice="required")["tool_choice"] == named
    assert chat(tools=[DRAW, SEARCH], tool_choice=named)["tool_choice"] == named


@pytest.mark.parametrize(
    ("tools", "choice", "field"),
    [
        ([DRAW, SEARCH], "required", "tool_choice"),
        ([DRAW], {"type": "function", "function": {"name": "fly"}}, "tool_choice"),
        ([DRAW], {"type": "function"}, "tool_choice"),
        ([DRAW], "sometimes", "tool_choice"),
        ("draw", None, "tools"),
        ([5], None, "tools"),
        ([{"type": "custom", "custom": {"name": "x"}}], None, "tools"),
        ([{"type": "function", "function": {"name": ""}}], None, "tools"),
        ([{"type": "function", "function": {"name": "x", "parameters": []}}], None, "tools"),
    ],
    ids=str,
)
def test_tools_that_cannot_be_meant_are_refused(tools: Any, choice: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(tools=tools, tool_choice=choice)
    assert caught.value.details == {"field": field}


def test_where_no_template_tells_of_tools_a_message_does() -> None:
    asked = chat({"role": "system", "content": "Be brief."}, HELLO, tools=[DRAW], takes_tools=False)
    [system, user] = asked["messages"]
    assert (system["role"], user) == ("system", HELLO)
    assert system["content"].startswith("Be brief.\n\n# Tools")
    assert json.dumps(DRAW) in system["content"]
    assert "<tool_call>\n{" in system["content"]
    [told, user] = chat(tools=[DRAW], takes_tools=False)["messages"]
    assert (told["role"], user) == ("system", HELLO)
    [user] = chat(tools=[DRAW], takes_tools=False, takes_system=False)["messages"]
    assert user["role"] == "user"
    assert user["content"].endswith("\n\nHello")


def test_where_no_template_knows_tools_calls_and_answers_are_words() -> None:
    answers = [{"role": "tool", "tool_call_id": "1", "content": word} for word in ("red", "blue")]
    said = {"role": "assistant", "content": "So.", "tool_calls": [CALL, CALL]}
    asked = chat(HELLO, said, *answers, takes_tools=False)
    answer = "<tool_response>\n{}\n</tool_response>"
    call = '<tool_call>\n{"name": "draw", "arguments": {"a": 1}}\n</tool_call>'
    assert asked["messages"] == [
        HELLO,
        {"role": "assistant", "content": f"So.\n{call}\n{call}"},
        {"role": "user", "content": f"{answer.format('red')}\n{answer.format('blue')}"},
    ]
