"""What a model's words mean: what it says to itself, and the tools that it asks for by text.

llama.cpp's server for Python hands on words as they come. Models mark their thoughts by ``<think>``
and write calls of tools in the form that they were trained with:

- ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>`` (Qwen, Hermes), or with
  ``<function=name><parameter=x>...`` in it (Qwen's coders),
- ``[TOOL_CALLS][{"name": ...}]`` or ``[TOOL_CALLS]name[ARGS]{...}`` (Mistral, whose marks are
  tokens that do not become letters, so both come without them too),
- ``{"name": ..., "parameters": {...}}`` and nothing else (Llama).

What is no such call stays text, to the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_THINK, _THOUGHT = "<think>", "</think>"
_CALL, _CALLED = "<tool_call>", "</tool_call>"
_CALLS: Final = "[TOOL_CALLS]"
_BARE: Final = (
    '{"name":"',
    '{"function":"',
    '{"type":"function","name":"',
    '{"function":{"name":"',
    '{"type":"function","function":{"name":"',
)
_MOST_START: Final = 512
"""Letters in which an answer has shown that it is a call without a mark."""
_MOST_HELD: Final = 1 << 16
"""Letters; what has not come to its end by then is no call."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
# A model's text is read on the event loop: where one repetition could go on with what another took,
# as two of space side by side could, long texts would be read over and over again.
_NAMED: Final = re.compile(
    r"([A-Za-z0-9_.\-]{1,64})\s*(?:\[CALL_ID\]\w{1,64}\s*)?(?:\[ARGS\]\s*)?(?=\{)"
)
_BETWEEN: Final = re.compile(r"(?:[\s,;]|\[TOOL_CALLS\])*")
_FUNCTION: Final = re.compile(r"<function=([^>\s]+)>")
_FUNCTION_END: Final = "</function>"
_PARAMETER: Final = re.compile(r"\s*<parameter=([^>\s]+)>")
_PARAMETER_END: Final = "</parameter>"


@dataclass(frozen=True, slots=True)
class Text:
    """Words for the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Words of the model to itself."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that it asks for; ``arguments`` is a JSON object."""

    name: str
    arguments: str


Part = Text | Thought | ToolCall


class MarkReader:
    """Takes an answer's words as they come; holds back only what may be a mark, or is a call.

    Args:
        tools: the JSON schemas of what the tools that the model knows of take, by their names.
    """

    def __init__(self, tools: Mapping[str, Any]) -> None:
        self._tools = tools
        self._bare = tuple(_bare_starts(tools))
        self._held = ""
        self._space = ""
        """In front of a call; it counts if that turns out to be none."""
        self._drops_space = False
        self._may_think = True
        self._is_thinking = False
        self._step: Callable[[bool], Iterator[Part]] = self._start

    def open_thoughts(self) -> None:
        """Its prompt has opened the model's thoughts already; said before any words."""
        self._is_thinking = self._drops_space = True

    def add(self, words: str) -> list[Part]:
        """What is certain now."""
        self._held += words
        return self._read(is_end=False)

    def end(self) -> list[Part]:
        """The rest."""
        return self._read(is_end=True)

    def _read(self, *, is_end: bool) -> list[Part]:
        found: list[Part] = []
        while self._held:
            before = self._step, self._held
            found.extend(self._step(is_end))
            if before == (self._step, self._held):
                break
        return found

    # -- steps: each takes from what is held, and says which one is next ---------------------------

    def _start(self, is_end: bool) -> Iterator[Part]:
        """At the beginning, and after a thought or a call."""
        words = self._held.lstrip()
        space = "" if self._drops_space else self._held[: len(self._held) - len(words)]
        if not is_end and (not words or self._may_be_mark(words)):
            return
        self._space, self._held = space, words
        if self._may_think and words.startswith(_THINK):
            self._held, self._step = words[len(_THINK) :], self._think
            self._drops_space = True
        elif self._is_thinking:
            self._step = self._think
        elif self._tools and words.startswith(_CALL):
            self._held, self._step = words[len(_CALL) :], self._call
        elif self._tools and (words.startswith(_CALLS) or self._is_bare(words)):
            self._step = self._rest
        else:
            self._held, self._step = space + words, self._say
        self._may_think = self._is_thinking = False
        yield from ()

    def _say(self, is_end: bool) -> Iterator[Part]:
        """Words, up to the next call."""
        marks = (_CALL, _CALLS) if self._tools else ()
        found = [(at, mark) for mark in marks if (at := self._held.find(mark)) >= 0]
        if found:
            at, mark = min(found)
            words = self._held[:at].rstrip()
            self._space, self._held = self._held[len(words) : at], self._held[at:]
            self._step = self._rest
            if mark == _CALL:
                self._held, self._step = self._held[len(_CALL) :], self._call
        else:
            cut = len(self._held) if is_end or not marks else _certain(self._held, marks)
            words, self._held = self._held[:cut], self._held[cut:]
        if words:
            yield Text(words)

    def _think(self, is_end: bool) -> Iterator[Part]:
        """Thoughts, up to their end."""
        if self._drops_space:
            self._held = self._held.lstrip()
            self._drops_space = not self._held
        thoughts, mark, after = self._held.partition(_THOUGHT)
        if mark or is_end:
            thoughts, self._held = thoughts.rstrip(), after
            self._drops_space, self._step = True, self._start
        else:
            cut = _certain(thoughts, (_THOUGHT,))
            thoughts, self._held = thoughts[:cut], thoughts[cut:]
        if thoughts:
            yield Thought(thoughts)

    def _call(self, is_end: bool) -> Iterator[Part]:
        """A call between two marks; at the end the second may be missing."""
        body, mark, after = self._held.partition(_CALLED)
        if not (mark or is_end or len(body) > _MOST_HELD):
            return
        self._held = after
        call = _from_xml(body, self._tools) or _only(_from_json(body))
        if call is None:
            self._step = self._say
            yield Text(f"{self._space}{_CALL}{body}{mark}")
            return
        self._drops_space, self._step = True, self._start
        yield call

    def _rest(self, is_end: bool) -> Iterator[Part]:
        """Calls, up to the end of the answer."""
        if not is_end and len(self._held) <= _MOST_HELD:
            return
        words, self._held, self._step = self._held, "", self._say
        calls = _from_json(words)
        is_marked = words.startswith(_CALLS)
        if not calls or not (is_marked or all(call.name in self._tools for call in calls)):
            yield Text(self._space + words)
            return
        yield from calls

    def _may_be_mark(self, words: str) -> bool:
        """Whether the next letters decide."""
        marks = [_THINK] if self._may_think else []
        if self._tools:
            marks += [_CALL, _CALLS]
        if any(len(words) < len(mark) and mark.startswith(words) for mark in marks):
            return True
        if len(words) > _MOST_START or self._is_thinking:
            return False
        said = "".join(words.split())
        return any(len(said) < len(start) and start.startswith(said) for start in self._bare)

    def _is_bare(self, words: str) -> bool:
        return "".join(words[:_MOST_START].split()).startswith(self._bare)


def _bare_starts(tools: Mapping[str, Any]) -> Iterator[str]:
    """How a call without a mark begins, when its spaces are left out."""
    for name in tools:
        yield f"{name}{{"
        yield f"{name}[ARGS]{{"
        for start in _BARE:
            yield f'{start}{name}"'
            yield f'[{start}{name}"'


def _certain(words: str, marks: tuple[str, ...]) -> int:
    """How many letters are no beginning of a mark, nor the space in front of one."""
    begun = 0
    for mark in marks:
        for length in range(min(len(mark) - 1, len(words)), begun, -1):
            if words.endswith(mark[:length]):
                begun = length
                break
    return len(words[: len(words) - begun].rstrip())


def _only(calls: list[ToolCall]) -> ToolCall | None:
    return calls[0] if len(calls) == 1 else None


def _from_json(words: str) -> list[ToolCall]:
    """The calls that ``words`` are, one after another; none when there is anything else."""
    calls: list[ToolCall] = []
    at = _end_of(_BETWEEN, words, 0)
    while at < len(words):
        named = _NAMED.match(words, at)
        try:
            value, at = _DECODER.raw_decode(words, at if named is None else named.end())
        except (ValueError, RecursionError):
            return []
        if named is not None:
            value = {"name": named[1], "arguments": value}
        for each in value if isinstance(value, list) else [value]:
            call = _call_of(each)
            if call is None:
                return []
            calls.append(call)
        at = _end_of(_BETWEEN, words, at)
    return calls


def _from_xml(body: str, tools: Mapping[str, Any]) -> ToolCall | None:
    body = body.strip()
    function = _FUNCTION.match(body)
    if function is None or not body.endswith(_FUNCTION_END):
        return None
    name, at, given = function[1], function.end(), {}
    end = len(body) - len(_FUNCTION_END)
    while parameter := _PARAMETER.match(body, at, end):
        value_end = body.find(_PARAMETER_END, parameter.end(), end)
        if value_end < 0:
            return None
        said = body[parameter.end() : value_end].removeprefix("\n").removesuffix("\n")
        given[parameter[1]] = _value(said, tools, name, parameter[1])
        at = value_end + len(_PARAMETER_END)
    if body[at:end].strip():
        return None
    return _call_of({"name": name, "arguments": given})


def _value(said: str, tools: Mapping[str, Any], tool: str, parameter: str) -> Any:
    """What has no quotation marks is a text only where the tool takes one."""
    schema = tools.get(tool)
    for name in ("properties", parameter):
        schema = schema.get(name) if isinstance(schema, dict) else None
    if isinstance(schema, dict) and schema.get("type") == "string":
        return said
    try:
        return _DECODER.decode(said)
    except (ValueError, RecursionError):
        return said


def _call_of(said: Any) -> ToolCall | None:
    if isinstance(said, dict) and isinstance(said.get("function"), dict):
        said = said["function"]
    if not isinstance(said, dict):
        return None
    name = said.get("name", said.get("function"))
    arguments = said.get("arguments", said.get("parameters"))
    try:
        if isinstance(arguments, str):
            arguments = _DECODER.decode(arguments)
        if arguments is None:
            arguments = {}
        written = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
        # Halves of letters, which JSON can hold, are none.
        written.encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    return ToolCall(name, written)


def _refuse(_: str) -> Any:
    raise ValueError("That is no JSON.")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


def _end_of(pattern: re.Pattern[str], words: str, at: int) -> int:
    found = pattern.match(words, at)
    return at if found is None else found.end()
