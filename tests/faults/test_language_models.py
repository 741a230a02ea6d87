"""Language models as children of bootstrap: started when asked, ended, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.llama_house import MODELS, LlamaHouse, ended, is_alive, llama_house


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaHouse]:
    folder = tmp_path_factory.mktemp("llama")
    with llama_house(folder, "fox", "owl", "deep/hare", "broken", "new") as opened:
        opened.confirm("fox", "owl", "deep/hare", "broken")
        yield opened


def test_a_model_starts_when_somebody_asks_it(house: LlamaHouse) -> None:
    assert house.model("fox")["server"]["state"] == "stopped"
    with house.openai() as client:
        answer = client.chat.completions.create(model="fox", messages=says("Hello"))
        assert answer.choices[0].message.content == "fox says so so"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.model == "fox"
        chunks = client.chat.completions.create(model="fox", messages=says("Hello"), stream=True)
        words = [chunk.choices[0].delta.content for chunk in chunks]
    assert words == ["fox", " says", " so", " so", None]
    found = house.model("fox")
    assert (found["server"]["state"], found["server"]["busy"]) == ("running", 0)
    assert found["server"]["memory_bytes"] > 1 << 20


DRAW: Any = {"type": "function", "function": {"name": "draw", "parameters": {"type": "object"}}}
CALL = (
    "write:<thi|nk>A fox!</think>\n\n|I draw.\n<tool_|call>"
    '{"name": "draw", "argu|ments": {"a": 1}}</tool_call>'
)


def test_what_a_model_writes_of_thoughts_and_tools_comes_in_openai_s_shapes(
    house: LlamaHouse,
) -> None:
    with house.openai() as client:
        whole = client.chat.completions.create(model="fox", messages=says(CALL), tools=[DRAW])
        chunks = list(
            client.chat.completions.create(
                model="fox", messages=says(CALL), tools=[DRAW], stream=True
            )
        )
        plain = client.chat.completions.create(model="fox", messages=says(CALL))
    message: Any = whole.choices[0].message
    assert whole.choices[0].finish_reason == "tool_calls"
    assert (message.reasoning_content, message.content) == ("A fox!", "I draw.")
    assert message.tool_calls[0].function.name == "draw"
    assert message.tool_calls[0].function.arguments == '{"a": 1}'
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == "A fox!"
    assert "".join(delta.content or "" for delta in deltas) == "I draw."
    [call] = [call for delta in deltas for call in delta.tool_calls or ()]
    assert (call.index, call.function.name) == (0, "draw")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    # Whoever offers no tools gets what looks like a call as the words that it is.
    assert plain.choices[0].message.tool_calls is None
    assert "<tool_call>" in (plain.choices[0].message.content or "")


def test_what_an_answer_cost_is_told_whole_and_to_streams_that_want_it(house: LlamaHouse) -> None:
    with house.openai() as client:
        whole = client.chat.completions.create(model="fox", messages=says("Hello"))
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (2, 4)
        *chunks, last = client.chat.completions.create(
            model="fox",
            messages=says("Hello"),
            stream=True,
            stream_options={"include_usage": True},
        )
        assert (last.choices, last.usage) == ([], whole.usage)
        assert all(chunk.usage is None for chunk in chunks)
        *_, last = client.chat.completions.create(model="fox", messages=says("Hello"), stream=True)
        assert (last.choices[0].finish_reason, last.usage) == ("stop", None)


def test_a_model_whose_template_knows_no_tools_is_told_of_them_in_words(house: LlamaHouse) -> None:
    with house.openai() as client:
        client.chat.completions.create(model="fox", messages=says("Hello"), tools=[DRAW])
    told = json.loads((house.models / "fox.asked").read_text())["messages"]
    assert "# Tools" in told[0]["content"]
    assert '"name": "draw"' in told[0]["content"]


def test_what_a_model_here_cannot_do_is_refused_by_its_name(house: LlamaHouse) -> None:
    with house.openai() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="fox", messages=says("Hello"), n=2)
    assert caught.value.param == "n"


def test_a_model_that_makes_no_vectors_is_not_started_for_one(house: LlamaHouse) -> None:
    with house.openai() as client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="new", input="a")
    assert caught.value.param == "model"
    assert house.model("new")["server"]["state"] == "stopped"


def test_a_model_in_a_folder_is_asked_by_its_whole_name(house: LlamaHouse) -> None:
    with house.openai() as client:
        assert "deep/hare" in [model.id for model in client.models.list()]
        answer = client.chat.completions.create(model="deep/hare", messages=says("Hello"))
    assert answer.choices[0].message.content == "hare says so so"


def test_its_server_gets_a_key_and_none_of_studio_s_secrets(house: LlamaHouse) -> None:
    house.post("fox", "start", 202)
    house.runs("fox")
    told = json.loads((house.models / "fox.config").read_text())
    assert len(told["api_key"]) >= 32
    assert told["host"] == "127.0.0.1"
    assert "API_KEY" not in told["environ"]
    answer = httpx.get(f"http://127.0.0.1:{told['port']}/v1/models")
    assert answer.status_code == 401
    command = Path(f"/proc/{house.children()['language-1'].pid}/cmdline").read_bytes()
    assert told["api_key"].encode() not in command


def test_a_file_that_nobody_knows_is_not_read_by_llama_before_the_owner_says_so(
    house: LlamaHouse,
) -> None:
    assert house.model("new")["trust"] == "unknown"
    with house.openai() as client:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="new", messages=says("Hello"))
        assert caught.value.code == "model_not_confirmed"
        assert house.http.post(f"{MODELS}/new/start").status_code == 403
        assert not (house.models / "new.config").exists()
        assert house.post("new", "confirm", 200)["trust"] == "confirmed"
        answer = client.chat.completions.create(model="new", messages=says("Hello"))
    assert answer.choices[0].message.content == "new says so so"
    house.post("new", "stop", 200)


def test_a_reader_who_leaves_stops_the_writing(house: LlamaHouse) -> None:
    with house.openai() as client:
        chunks = client.chat.completions.create(model="fox", messages=says("slow"), stream=True)
        next(iter(chunks))
        assert house.model("fox")["server"]["busy"] == 1
        chunks.close()
    house.until("fox", lambda model: model["server"]["busy"] == 0)
    left = house.models / "fox.left"
    house.until("fox", lambda _: left.exists())


def test_a_server_that_dies_ends_its_streams_with_a_coded_error_and_is_there_again(
    house: LlamaHouse,
) -> None:
    words = []
    with house.openai() as client:
        chunks = client.chat.completions.create(model="fox", messages=says("die"), stream=True)
        with pytest.raises(openai.APIError) as caught:
            for chunk in chunks:
                words.append(chunk.choices[0].delta.content)
        assert words == ["fox", " says"]
        assert caught.value.code == "language_server_died"
        answer = client.chat.completions.create(model="fox", messages=says("Hello"))
    assert answer.choices[0].message.content == "fox says so so"
    assert house.model("fox")["server"]["crashes"] == 1


def test_a_model_that_cannot_be_loaded_stays_stopped_after_five_tries(house: LlamaHouse) -> None:
    with house.openai() as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="broken", messages=says("Hello"), stream=True))
    assert caught.value.code == "model_not_running"
    assert "error loading model" in caught.value.message
    found = house.model("broken")["server"]
    assert (found["state"], found["crashes"]) == ("failed", 5)
    lines = house.http.get(f"{MODELS}/broken/log").json()["lines"]
    assert any("error loading model" in line for line in lines)
    house.post("broken", "stop", 200)
    assert house.http.get(f"{MODELS}/broken/log").status_code == 404


def test_two_models_run_at_once_and_each_stops_alone(house: LlamaHouse) -> None:
    for name in ("fox", "owl"):
        house.post(name, "start", 202)
        house.runs(name)
    before = house.pids()
    assert house.post("owl", "stop", 200)["server"]["state"] == "stopped"
    [gone] = before - house.pids()
    assert ended({gone})
    with house.openai() as client:
        answer = client.chat.completions.create(model="fox", messages=says("Hello"))
    assert answer.choices[0].message.content == "fox says so so"


def test_settings_count_from_the_next_start_on(house: LlamaHouse) -> None:
    wanted = {"context": 128, "threads": 1, "gpu_layers": 1, "keep_minutes": 0, "pinned": True}
    answer = house.http.patch(f"{MODELS}/owl", json=wanted)
    assert answer.status_code == 200
    assert wanted.items() <= answer.json()["settings"].items()
    assert answer.json()["trust"] == "confirmed"
    house.post("owl", "start", 202)
    house.runs("owl")
    told = json.loads((house.models / "owl.config").read_text())["models"][0]
    assert (told["n_ctx"], told["n_threads"], told["use_mlock"]) == (128, 1, False)
    house.post("owl", "stop", 200)


def test_a_model_that_only_makes_vectors_is_nobody_s_default_to_talk_to(tmp_path: Path) -> None:
    with llama_house(tmp_path, "vectors") as house:
        house.confirm("vectors")
        chat = house.http.post("/api/chats", json={}).json()["id"]
        for path, body in (
            ("/v1/chat/completions", {"messages": says("Hello")}),
            (f"/api/chats/{chat}/messages", {"text": "Hello"}),
            ("/api/language/assist", {"task": "improve", "text": "a fox"}),
        ):
            answer = house.http.post(path, json=body)
            assert answer.status_code == 503, path
            assert answer.json()["error"]["code"] == "no_language_model", path
        with house.openai() as client:
            with pytest.raises(openai.BadRequestError) as caught:
                client.chat.completions.create(model="vectors", messages=says("Hello"))
            assert caught.value.param == "model"
            assert house.model("vectors")["server"]["state"] == "stopped"
            made = client.embeddings.create(model="vectors", input="a", encoding_format="float")
        assert made.data[0].embedding == [0.25, 0.5]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"context": -1}, 422),
        ({"context": True}, 422),
        ({"gpu_layers": "all"}, 422),
        ({"chat_format": "mine"}, 422),
        ({"projector": "../eyes.gguf"}, 400),
        ({"embeddings": True}, 400),
        ({"projector": 5}, 422),
        ({"pinned": 1}, 422),
        ({"lora_path": "x"}, 422),
    ],
    ids=str,
)
def test_settings_that_are_not_possible_are_refused(
    house: LlamaHouse, said: dict[str, Any], status: int
) -> None:
    before = house.model("owl")["settings"]
    assert house.http.patch(f"{MODELS}/owl", json=said).status_code == status
    assert house.model("owl")["settings"] == before


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:1/x.png", "", 5, None])
def test_no_address_reaches_a_server_that_would_open_it(house: LlamaHouse, url: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": url}}
    body = {"model": "fox", "messages": [{"role": "user", "content": [picture]}]}
    answer = house.http.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


def test_a_killed_studio_leaves_none_behind_that_nobody_can_ask(house: LlamaHouse) -> None:
    house.post("fox", "start", 202)
    house.runs("fox")
    before = house.pids()
    supervised = house.http.get("/api/system").status_code
    assert supervised == 200
    studio = studio_pid(house)
    os.kill(studio, signal.SIGKILL)
    assert ended({studio} | before)
    deadline = time.monotonic() + 60
    while not house.studio.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with house.openai() as client:
        answer = client.chat.completions.create(model="fox", messages=says("Hello"))
    assert answer.choices[0].message.content == "fox says so so"


def test_a_killed_bootstrap_takes_every_model_along(house: LlamaHouse) -> None:
    for name in ("fox", "owl"):
        house.post(name, "start", 202)
        house.runs(name)
    pids = house.pids()
    assert len(pids) >= 2
    assert all(is_alive(pid) for pid in pids)
    house.studio.process.kill()
    assert ended(pids)


def studio_pid(house: LlamaHouse) -> int:
    import asyncio

    from studio.clients.supervisor import BOOTSTRAP_SOCKET, Supervisor

    supervisor = Supervisor(socket_path=house.studio.run_dir / BOOTSTRAP_SOCKET)
    pid = asyncio.run(supervisor.status())["studio"].pid
    assert pid is not None
    return pid
