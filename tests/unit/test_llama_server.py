"""What streams of llama.cpp's server cost, told by a class that has its shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from boot.llama_server import tell_cost

END = 2


class Model:
    """Writes the tokens 5, 6 and the one that ends."""

    def generate(self, tokens: list[int], *, top_k: int = 0) -> Iterator[int]:
        assert top_k == 3
        yield from (5, 6, END)

    def __call__(self, prompt: str, *, stream: bool = False) -> Any:
        chunks = ({"id": "c", "choices": [token]} for token in self.generate([1] * 7, top_k=3))
        return chunks if stream else list(chunks)

    def create_chat_completion(self, *, messages: list[Any], model: str, stream: bool) -> Any:
        return Model.__call__(self, f"{model}: {messages}", stream=stream)


def model() -> Model:
    class Counted(Model):
        pass

    tell_cost(Counted, lambda _, token: token == END)
    return Counted()


def test_a_stream_ends_with_what_it_cost() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    asked: dict[str, Any] = {"messages": [], "model": "fox", "stream": True}
    for chunks in (model()("a", stream=True), model().create_chat_completion(**asked)):
        *said, last = chunks
        assert [chunk["choices"] for chunk in said] == [[5], [6], [END]]
        assert last == {"id": "c", "choices": [], "usage": usage}


def test_a_whole_answer_is_as_it_was() -> None:
    assert model()("a") == [{"id": "c", "choices": [token]} for token in (5, 6, END)]
