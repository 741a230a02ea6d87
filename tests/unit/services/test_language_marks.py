"""What a model's words mean, however they are cut on their way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from studio.services.language_marks import MarkReader, Part, Text, Thought, ToolCall

TOOLS: dict[str, Any] = {
    "draw": {"properties": {"prompt": {"type": "string"}, "seed": {"type": "integer"}}},
    "search": None,
}
FOX = '{"name": "draw", "arguments": {"prompt": "a fox"}}'
OWL = '{"name": "search", "arguments": {"text": "owl", "most": 3}}'
DRAW = ToolCall("draw", '{"prompt": "a fox"}')
SEARCH = ToolCall("search", '{"text": "owl", "most": 3}')

Said = Sequence[Part]
CASES: dict[str, tuple[str, Said]] = {
    "words alone": ("A fox, 2 < 3 [see] {x}.", [Text("A fox, 2 < 3 [see] {x}.")]),
    "space around": ("\n  Hello \n", [Text("\n  Hello \n")]),
    "space alone": (" \n", [Text(" \n")]),
    "thoughts": (
        "<think>\nA fox?\n\nYes.\n</think>\n\nHello", [Thought("A fox?\n\nYes."), Text("Hello")],
    ),
    "thoughts of nothing": ("<think>\n\n</think>\n\nHello", [Text("Hello")]),
    "thoughts without an end": ("<think>On and on", [Thought("On and on")]),
    "thoughts that speak of less": (
        "<think>a</b></thin x</think>y", [Thought("a</b></thin x"), Text("y")],
    ),
    "a mark that comes too late": ("So <think>x</think>", [Text("So <think>x</think>")]),
    "qwen": (f"<tool_call>\n{FOX}\n</tool_call>", [DRAW]),
    "qwen after words": (f"I draw.\n\n<tool_call>\n{FOX}\n</tool_call>", [Text("I draw."), DRAW]),
    "qwen after thoughts": (
        f"<think>Draw!</think>\n\n<tool_call>\n{FOX}\n</tool_call>", [Thought("Draw!"), DRAW],
    ),
    "qwen twice": (
        f"<tool_call>\n{FOX}\n</tool_call>\n<tool_call>\n{OWL}\n</tool_call>", [DRAW, SEARCH],
    ),
    "qwen with words after": (f"<tool_call>{FOX}</tool_call>\nDone.", [DRAW, Text("Done.")]),
    "qwen without an end": (f"<tool_call>\n{FOX}", [DRAW]),
    "arguments as a text": (
        '<tool_call>{"name": "draw", "arguments": "{\\"prompt\\": \\"a fox\\"}"}</tool_call>',
        [DRAW],
    ),
    "no arguments": ('<tool_call>{"name": "search"}</tool_call>', [ToolCall("search", "{}")]),
    "a tool that nobody has": (
        '<tool_call>{"name": "fly", "arguments": {}}</tool_call>', [ToolCall("fly", "{}")],
    ),
    "a coder": (
        "<tool_call>\n<function=draw>\n<parameter=prompt>\n12\n</parameter>\n<parameter=seed>\n7\n"
        "</parameter>\n</function>\n</tool_call>",
        [ToolCall("draw", '{"prompt": "12", "seed": 7}')],
    ),
    "a coder with space in every place": (
        "<tool_call> \n<function=draw> \n <parameter=prompt>\n\na\n\n</parameter> \n\n"
        "<parameter=seed>7</parameter>\t</function> \n</tool_call>",
        [ToolCall("draw", '{"prompt": "\\na\\n", "seed": 7}')],
    ),
    "mistral": (f"[TOOL_CALLS][{FOX}, {OWL}]", [DRAW, SEARCH]),
    "mistral without its mark": (f" [{FOX}]", [DRAW]),
    "mistral after words": (f"I draw. [TOOL_CALLS] [{FOX}]", [Text("I draw."), DRAW]),
    "a newer mistral": (
        '[TOOL_CALLS]draw[ARGS]{"prompt": "a fox"}'
        '[TOOL_CALLS]search[ARGS]{"text": "owl", "most": 3}',
        [DRAW, SEARCH],
    ),
    "mistral with the call's number": (
        '[TOOL_CALLS]draw \n[CALL_ID]a1B2c3D4e [ARGS] {"prompt": "a fox"}', [DRAW],
    ),
    "a newer mistral without its marks": ('draw{"prompt": "a fox"}', [DRAW]),
    "llama": ('{"name": "draw", "parameters": {"prompt": "a fox"}}', [DRAW]),
    "llama in full": (
        '{"type": "function", "name": "draw", "parameters": {"prompt": "a fox"}}', [DRAW],
    ),
    "llama in openai's form": (
        '{"type": "function", "function": {"name": "draw", "parameters": {"prompt": "a fox"}}}',
        [DRAW],
    ),
    "llama twice": (
        '{"name": "draw", "parameters": {"prompt": "a fox"}}; '
        '{"name": "search", "parameters": {"text": "owl", "most": 3}}',
        [DRAW, SEARCH],
    ),
}  # fmt: skip
STAYS = {
    "a call that is no json": "<tool_call>\n{'name': draw}\n</tool_call> so",
    "a call of nothing": "x <tool_call></tool_call>",
    "a call without a name": '<tool_call>{"arguments": {}}</tool_call>',
    "a call with a list": '<tool_call>{"name": "draw", "arguments": [1]}</tool_call>',
    "a call with a number that is none": '<tool_call>{"name": "draw", "arguments": {"x": NaN}}</tool_call>',  # noqa: E501
    "a call with half a letter": '<tool_call>{"name": "draw", "arguments": {"x": "\\ud800"}}</tool_call>',  # noqa: E501
    "a call with a name like a sentence": '<tool_call>{"name": "draw a fox", "arguments": {}}</tool_call>',  # noqa: E501
    "a call that breaks off": 'Look:\n<tool_call>\n{"name": "dr',
    "a coder that breaks off": "<tool_call>\n<function=draw>\n<parameter=prompt>\n12",
    "a coder with words between": "<tool_call><function=draw>x<parameter=a>1</parameter></function></tool_call>",  # noqa: E501
    "a coder whose parameter has no end": "<tool_call><function=draw><parameter=a>1<parameter=b></function></tool_call>",  # noqa: E501
    "a coder with words after": "<tool_call><function=draw></function>.</tool_call>",
    "deeper than anybody reads": "<tool_call>" + "[" * 20_000 + "</tool_call>",
    "mistral that breaks off": '[TOOL_CALLS][{"name": "draw", "arg',
    "mistral and words": f" [{FOX}] is what I would call.",
    "json that was asked for": '{"name": "Reynard", "kind": "fox"}',
    "json of a tool's name alone": '{"name": "draw"',
    "the beginning of a mark": "<tool_ca",
    "a list": "[1, 2, 3]",
    "a word that is a tool's": "draw me a fox",
}


def read(
    pieces: Iterable[str], tools: dict[str, Any] = TOOLS, *, is_thinking: bool = False
) -> list[Part]:
    """Everything, with pieces of one kind in a row as one."""
    reader = MarkReader(tools)
    if is_thinking:
        reader.open_thoughts()
    joined: list[Part] = []
    for part in [*(part for piece in pieces for part in reader.add(piece)), *reader.end()]:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(last.text + part.text)
        elif isinstance(part, Thought) and isinstance(last, Thought):
            joined[-1] = Thought(last.text + part.text)
        else:
            joined.append(part)
    return joined


def cuts(words: str) -> Iterable[list[str]]:
    yield [words]
    if len(words) < 1000:
        yield list(words)
        yield from ([words[:at], words[at:]] for at in range(1, len(words)))


@pytest.mark.parametrize("name", CASES)
def test_each_is_understood_wherever_it_is_cut(name: str) -> None:
    words, wanted = CASES[name]
    for pieces in cuts(words):
        assert read(pieces) == wanted, pieces


@pytest.mark.parametrize("name", STAYS)
def test_what_is_no_call_stays_text_to_the_letter(name: str) -> None:
    for pieces in cuts(STAYS[name]):
        assert read(pieces) == [Text(STAYS[name])], pieces


@pytest.mark.parametrize("name", CASES)
def test_whoever_was_told_of_no_tools_asks_for_none(name: str) -> None:
    for pieces in cuts(CASES[name][0]):
        assert not any(isinstance(part, ToolCall) for part in read(pieces, tools={}))


def test_thoughts_that_a_template_opened_are_gone_on_with() -> None:
    for words in ("\nA fox?\n</think>\n\nHello", "<think>\nA fox?</think>Hello"):
        for pieces in cuts(words):
            assert read(pieces, is_thinking=True) == [Thought("A fox?"), Text("Hello")], pieces


def test_words_come_as_soon_as_they_can_be_nothing_else() -> None:
    reader = MarkReader(TOOLS)
    assert reader.add("Hello") == [Text("Hello")]
    assert reader.add(" <to") == []
    assert reader.add("p> you") == [Text(" <top> you")]
    assert reader.end() == []
    reader = MarkReader(TOOLS)
    assert reader.add('{ "name": "d') == []
    assert reader.add("og") == [Text('{ "name": "dog')]
    reader = MarkReader(TOOLS)
    assert reader.add("<think>So, ") == [Thought("So,")]
    assert reader.add("a fox</thi") == [Thought(" a fox")]


def test_a_call_without_end_is_not_held_for_ever() -> None:
    reader = MarkReader(TOOLS)
    words = f'<tool_call>{{"name": "draw", "arguments": {{"prompt": "{"x" * 70_000}'
    assert reader.add(words) == [Text(words)]
    assert reader.add(" y") == [Text(" y")]


HOSTILE = [
    ("<tool_call>f", " ", "</tool_call>"),
    ("<tool_call>f[CALL_ID]x", " ", "</tool_call>"),
    ("[TOOL_CALLS]f", "\n", ""),
    ("[TOOL_CALLS]f[ARGS]", "\n", ""),
    ("[TOOL_CALLS]", ",", "x"),
    ("<tool_call><function=", "f", "</tool_call>"),
    ("<tool_call><function=f><parameter=", "a", "</function></tool_call>"),
    ("<tool_call><function=f>", " ", "x</function></tool_call>"),
    ("<tool_call><function=f>", "<parameter=a>", "</function></tool_call>"),
    ("<tool_call><function=f>", "</parameter>", "</function></tool_call>"),
    ("<tool_call>", "</function>", "</tool_call>"),
]
READ_ALL = """
import json, sys
from studio.services.language_marks import MarkReader
for words in json.load(sys.stdin):
    reader = MarkReader({"f": {}})
    said = reader.add(words) + reader.end()
    assert "".join(part.text for part in said) == words
"""


def test_no_text_is_read_over_and_over_again() -> None:
    # Read once, all of it is done in less than a second; read again from each letter, it takes
    # hours. Nothing else can end that: it is one step of Python.
    texts = [start + part * ((1 << 20) // len(part)) + end for start, part, end in HOSTILE]
    subprocess.run(
        [sys.executable, "-c", READ_ALL],
        input=json.dumps(texts),
        text=True,
        check=True,
        timeout=120,
    )


def test_arguments_are_json_with_letters_of_every_language() -> None:
    [call] = read(
        ['<tool_call>{"name": "draw", "arguments": {"prompt": "狐狸 \\u00fc"}}</tool_call>']
    )
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"prompt": "狐狸 ü"}'
    assert json.loads(call.arguments) == {"prompt": "狐狸 ü"}
