"""What streams of llama.cpp's server cost, told by a class that has its shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from boot.llama_server import tell_more

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
