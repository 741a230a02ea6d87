"""llama.cpp's server, whose streams end with what they cost.

Run by the Python that has llama-cpp-python, which need not know Studio, as a file and not as a
module. The server counts tokens for whole answers alone, and those are never asked for: they cannot
be ended in the middle.
"""

from __future__ import annotations

import functools
import importlib
import runpy
from collections.abc import Callable, Iterator
from typing import Any

_COST = "studio_cost"
"""On a model: the tokens of the prompt that it read last, and of what it has written since."""


def tell_cost(model: Any, is_end: Callable[[Any, int], bool]) -> None:
    """Have every stream of a class of models end with a chunk that tells its ``usage``.

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
        for token in generate(model, tokens, *more, **named):
            cost[1] += not is_end(model, token)
            yield token

    return counted


def _telling(answer: Callable[..., Any]) -> Any:
    @functools.wraps(answer)
    def told(model: Any, /, *more: Any, **named: Any) -> Any:
        found = answer(model, *more, **named)
        return _with_cost(model, found) if named.get("stream") else found

    return told


def _with_cost(model: Any, chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    last: dict[str, Any] = {}
    for last in chunks:
        yield last
    read, written = getattr(model, _COST, (0, 0))
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    yield {**last, "choices": [], "usage": usage}


def main() -> None:
    """Serve until ended."""
    llama = importlib.import_module("llama_cpp")

    def is_end(model: Any, token: int) -> bool:
        return bool(llama.llama_vocab_is_eog(model._model.vocab, token))

    tell_cost(llama.Llama, is_end)
    runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
