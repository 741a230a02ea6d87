"""llama.cpp's server, whose streams tell how they begin, and end with what they cost.

It also has templates find the arguments of calls in the form that each was written for.

Run by the Python that has llama-cpp-python, which need not know Studio, as a file and not as a
module. The server counts tokens for whole answers alone, and those are never asked for: they cannot
be ended in the middle. Whether a template has opened the model's thoughts is seen nowhere but at
the end of the prompt.
"""

from __future__ import annotations

import functools
import importlib
import json
import runpy
from collections.abc import Callable, Iterator
from typing import Any

_COST = "studio_cost"
"""On a model: the tokens of the prompt that it read last, and of what it has written since."""
_THINKS = "studio_thinks"
"""On a model, and in the first chunk of its answer: it begins in the middle of its thoughts."""
_LAST_WORDS = 8
"""Tokens at the end of a prompt in which thoughts are opened."""


def tell_more(model: Any, is_end: Callable[[Any, int], bool]) -> None:
    """Have every stream of a class of models tell what llama.cpp's server leaves out.

    Its first chunk has ``studio_thinks`` if the prompt ended by opening the model's thoughts. One
    more at its end tells its ``usage``.

    Args:
        is_end: whether a token only ends what a model writes.
    """
    model.generate = _counting(model.generate, is_end)
    model.create_chat_completion = _telling(model.create_chat_completion)
    model.__call__ = _telling(model.__call__)


def _counting(generate: Callable[..., Any], is_end: Callable[[Any, int], bool]) -> Any:
    @functools.wraps(generate)
    def counted(model: Any, tokens: Any, /, *more: Any, **named: Any) -> Iterator[int]:
        cost = [len(tokens), 0]
        setattr(model, _COST, cost)
        asked = model.detokenize(list(tokens[-_LAST_WORDS:]), special=True)
        setattr(model, _THINKS, asked.rstrip().endswith(b"<think>"))
        for token in generate(model, tokens, *more, **named):
            cost[1] += not is_end(model, token)
            yield token

    return counted


def _telling(answer: Callable[..., Any]) -> Any:
    @functools.wraps(answer)
    def told(model: Any, /, *more: Any, **named: Any) -> Any:
        found = answer(model, *more, **named)
        return _with_more(model, found) if named.get("stream") else found

    return told


def _with_more(model: Any, chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    last: dict[str, Any] = {}
    for chunk in chunks:
        # By then it has read its prompt.
        is_thinking = not last and getattr(model, _THINKS, False)
        last = chunk
        yield {**chunk, _THINKS: True} if is_thinking else chunk
    read, written = getattr(model, _COST, (0, 0))
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    yield {**last, "choices": [], "usage": usage}


class Arguments(dict[str, Any]):
    """The arguments of a call, for templates of every kind.

    OpenAI writes them as a text. Most templates go through them as a mapping, or write them as JSON
    themselves; some add them to other texts.
    """

    def __init__(self, said: str, read: dict[str, Any]) -> None:
        super().__init__(read)
        self._said = said

    def __str__(self) -> str:
        return self._said

    def __add__(self, other: str) -> str:
        return self._said + other

    def __radd__(self, other: str) -> str:
        return other + self._said


def read_arguments(model: Any) -> None:
    """Have the chats of a class of models hand ``Arguments`` to their templates."""
    answer = model.create_chat_completion

    @functools.wraps(answer)
    def answered(model: Any, /, *more: Any, messages: list[Any], **named: Any) -> Any:
        return answer(model, *more, messages=[_with_arguments(each) for each in messages], **named)

    model.create_chat_completion = answered


def _with_arguments(message: Any) -> Any:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    read = [{**call, "function": _function(call["function"])} for call in calls]
    return {**message, "tool_calls": read}


def _function(said: Any) -> Any:
    arguments = said["arguments"]
    try:
        read = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return said
    return {**said, "arguments": Arguments(arguments, read)} if isinstance(read, dict) else said


def main() -> None:
    """Serve until ended."""
    llama = importlib.import_module("llama_cpp")

    def is_end(model: Any, token: int) -> bool:
        return bool(llama.llama_vocab_is_eog(model._model.vocab, token))

    tell_more(llama.Llama, is_end)
    read_arguments(llama.Llama)
    runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
