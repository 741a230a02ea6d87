"""Whose GPU time an answer takes: this machine's models take the reader's, those elsewhere none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.chats import ask, begin, good, member, until
from tests.api.studio_process import run_studio
from tests.fakes.gguf_files import write_model
from tests.fakes.llama_house import MODELS, stub_python
from tests.fakes.talker import MODEL as ELSEWHERE
from tests.fakes.talker import talking

HERE = "fox"


@pytest.fixture(scope="module")
def used_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A member without GPU time, in a Studio with a model of its own and one elsewhere."""
    folder = tmp_path_factory.mktemp("language-time")
    write_model(folder / "llm" / f"{HERE}.gguf", context=256)
    with talking() as talker:
        variables = {
            "LLM_DIR": str(folder / "llm"),
            "LLAMA_PYTHON": stub_python(folder),
            **talker.environ(),
        }
        with run_studio(folder, variables) as studio, member(studio) as somebody:
            user = good(somebody.get("/api/session"))["user"]["id"]
            with studio.client() as owner:
                good(owner.patch(f"/api/users/{user}/quota", json={"gpu_seconds": 0}))
                confirm = f"{MODELS}/{HERE}/confirm"
                until(lambda: owner.post(confirm).is_success, "the file is found and confirmed")
            until(lambda: {HERE, ELSEWHERE} <= names(somebody), "both models are listed")
            yield somebody


def names(client: httpx.Client) -> set[str]:
    return {model["id"] for model in good(client.get("/v1/models"))["data"]}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}),
        ("/v1/completions", {"prompt": "Once"}),
        ("/v1/embeddings", {"input": "a fox"}),
        ("/api/language/assist", {"task": "improve", "text": "a fox"}),
    ],
)
def test_a_model_of_this_machine_is_refused_to_who_used_up_the_day(
    used_up: httpx.Client, route: str, body: dict[str, Any]
) -> None:
    refused = used_up.post(route, json={**body, "model": HERE})
    assert refused.status_code == 429, refused.text
    error = refused.json()["error"]
    assert error["code"] == "quota_exceeded"


def test_a_chat_with_a_model_of_this_machine_is_refused_to_who_used_up_the_day(
    used_up: httpx.Client,
) -> None:
    chat = begin(used_up, model=HERE)
    refused = used_up.post(f"/api/chats/{chat}/messages", json={"text": "Hello"})
    assert refused.status_code == 429, refused.text
    assert refused.json()["error"]["details"]["quota"] == "gpu_seconds"


def test_a_model_elsewhere_answers_who_used_up_the_day(used_up: httpx.Client) -> None:
    chat = begin(used_up, model=ELSEWHERE)
    assert ask(used_up, chat, "Hello")["text"] == "I heard you."
    body = {"task": "improve", "text": "a fox", "model": ELSEWHERE}
    assert good(used_up.post("/api/language/assist", json=body))["model"] == ELSEWHERE
