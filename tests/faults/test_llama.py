"""Real llama.cpp with tiny models of random weights, asked by the official client.

``STUDIO_LLAMA_PYTHON`` names a Python that has llama-cpp-python; without it one is made once, in
``build/llama``, which takes some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.api.studio_process import ROOT
from tests.fakes.gguf_files import TEMPLATE, write_model
from tests.fakes.llama_house import MODELS, LlamaHouse, ended, llama_house

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
LONG: dict[str, Any] = {
    # Seconds of nonsense: neither the word that would end it can come, nor halves of letters, which
    # are held back until they are whole.
    "max_tokens": 20_000,
    "logit_bias": {str(word): -100 for word in (0, 1, 2, *range(3 + 128, 3 + 256))},
}
TOOLS_TEMPLATE = (
    """{% if not tools %}{{ raise_exception('no tools') }}{% endif %}
    {% for message in messages %}
    {% if message.tool_call_id and message.tool_call_id | length != 9 %}
    {{ raise_exception('Mistral: ids have nine letters') }}
    {% endif %}
    {% for call in message.tool_calls or [] %}
    {% if call.id | length != 9 %}{{ raise_exception('Mistral: ids have nine letters') }}{% endif %}
    {% for name, value in call.function.arguments | items %}{{ name + value }}{% endfor %}
    {% if call.function.arguments | tojson != '{"what": "fox"}' %}
    {{ raise_exception('Hermes and Qwen: arguments are written as JSON') }}
    {% endif %}
    {{ 'DeepSeek: ' + call.function.arguments + '.' }}
    {% endfor %}
    {% endfor %}"""
    + TEMPLATE
)
"""Takes calls as the templates of several families do, all at once."""
DRAW: Any = {
    "type": "function",
    "function": {
        "name": "draw",
        "parameters": {
            "type": "object",
            "properties": {"what": {"enum": ["fox"]}},
            "required": ["what"],
        },
    },
}
_BUILD_S = 3600


@pytest.fixture(scope="session")
def llama_python() -> str:
    """A Python with llama-cpp-python's server."""
    if named := os.environ.get("STUDIO_LLAMA_PYTHON"):
        return named
    folder = ROOT / "build" / "llama"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        if shutil.which("cc") is None:
            pytest.skip("there is no compiler, and STUDIO_LLAMA_PYTHON names no Python")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=_BUILD_S)
        built = subprocess.run(
            [str(python), "-m", "pip", "install", "llama-cpp-python[server]>=0.3.36,<0.4"],
            env={**os.environ, "CMAKE_ARGS": "-DGGML_NATIVE=OFF"},
            capture_output=True,
            text=True,
            timeout=_BUILD_S,
        )
        if built.returncode:
            pytest.skip(f"llama-cpp-python cannot be built here: {built.stderr[-500:]}")
        (folder / "done").touch()
    return str(python)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, llama_python: str) -> Iterator[LlamaHouse]:
    folder = tmp_path_factory.mktemp("real-llama")
    write_model(folder / "llm" / "kit.gguf", template=TOOLS_TEMPLATE)
    write_model(folder / "llm" / "sage.gguf", template=f"{TEMPLATE}<think>\n", context=32_768)
    with llama_house(folder, "fox", "owl", python=llama_python, context=32_768) as opened:
        opened.confirm("fox", "owl")
        opened.until("kit", lambda model: model["trust"] == "unknown")
        opened.confirm("kit", "sage")
        for name in ("fox", "owl"):
            said = {"context": 32_768, "threads": 1}
            assert opened.http.patch(f"{MODELS}/{name}", json=said).status_code == 200
        yield opened


def test_it_starts_when_it_is_asked_and_answers_in_both_ways(house: LlamaHouse) -> None:
    with house.openai() as client:
        whole = client.chat.completions.create(
            model="fox", messages=HELLO, max_tokens=12, seed=1, temperature=0
        )
        chunks = client.chat.completions.create(
            model="fox", messages=HELLO, max_tokens=12, seed=1, temperature=0, stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert whole.choices[0].message.content == text
        assert whole.choices[0].message.role == "assistant"
        told = client.completions.create(
            model="fox", prompt="abc", max_tokens=3, logit_bias=LONG["logit_bias"]
        )
        assert told.choices[0].finish_reason == "length"
        # The beginning, a word of the space and the first letter, and two letters.
        assert told.usage is not None
        assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (4, 3)
        *_, last = client.chat.completions.create(
            model="fox",
            messages=HELLO,
            max_tokens=3,
            logit_bias=LONG["logit_bias"],
            stream=True,
            stream_options={"include_usage": True},
        )
        assert last.usage is not None
        assert last.usage.completion_tokens == 3
        assert last.usage.prompt_tokens > 4
    found = house.model("fox")
    assert found["server"]["state"] == "running"
    assert (found["architecture"], found["layers"]) == ("llama", 2)


def test_a_model_s_own_template_is_told_of_tools_and_of_their_answers(house: LlamaHouse) -> None:
    function = {"name": "draw", "arguments": '{"what":"fox"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    said: list[Any] = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "drawn"}]},
    ]
    with house.openai() as client:
        for name in ("kit", "fox"):
            answer = client.chat.completions.create(
                model=name, messages=said, tools=[DRAW], max_tokens=4
            )
            assert answer.choices[0].finish_reason
        # Without any its template, which wants them, fails.
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="kit", messages=HELLO, max_tokens=4)
    house.post("kit", "stop", 200)


def test_a_model_whose_template_opens_its_thoughts_begins_in_them(house: LlamaHouse) -> None:
    with house.openai() as client:
        answer = client.chat.completions.create(
            model="sage", messages=HELLO, max_tokens=20, logit_bias=LONG["logit_bias"]
        )
    message: Any = answer.choices[0].message
    # It never comes to their end.
    assert message.reasoning_content
    assert not message.content
    house.post("sage", "stop", 200)


def test_a_model_that_is_held_to_a_tool_calls_it(house: LlamaHouse) -> None:
    with house.openai() as client:
        whole = client.chat.completions.create(
            model="fox", messages=HELLO, tools=[DRAW], tool_choice="required", temperature=0
        )
    message: Any = whole.choices[0].message
    [call] = message.tool_calls
    assert call.function.name == "draw"
    assert json.loads(call.function.arguments) == {"what": "fox"}
    assert whole.choices[0].finish_reason == "tool_calls"


def test_a_request_that_it_refuses_is_told_in_its_words(house: LlamaHouse) -> None:
    with house.openai() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="owl", messages=[{"role": "user", "content": "ab " * 40_000}]
        )
    assert "32768" in caught.value.message
    house.post("owl", "stop", 200)


def test_a_reader_who_leaves_stops_the_writing(house: LlamaHouse) -> None:
    with house.openai() as client:
        chunks = client.chat.completions.create(
            model="fox", messages=HELLO, stream=True, extra_body=LONG
        )
        for _, _chunk in zip(range(20), chunks, strict=False):
            pass
        chunks.close()
        house.until("fox", lambda model: model["server"]["busy"] == 0)
        # It writes one answer at a time: this one comes only because the other has ended.
        answer = client.chat.completions.create(model="fox", messages=HELLO, max_tokens=2)
    assert answer.choices
    log = house.http.get(f"{MODELS}/fox/log").json()["lines"]
    assert any("Disconnected from client" in line for line in log)


def test_two_models_write_at_once(house: LlamaHouse) -> None:
    with house.openai() as client:
        readers = [
            client.chat.completions.create(model=name, messages=HELLO, stream=True, extra_body=LONG)
            for name in ("fox", "owl")
        ]
        for _ in range(20):
            for chunks in readers:
                assert next(iter(chunks)).choices
        assert len(house.pids()) == 2
        for name in ("fox", "owl"):
            assert house.model(name)["server"]["busy"] == 1
        for chunks in readers:
            chunks.close()


def test_a_server_that_is_killed_in_the_middle_is_there_again(house: LlamaHouse) -> None:
    house.post("owl", "stop", 200)
    house.runs("fox")
    [pid] = house.pids()
    with house.openai() as client:
        chunks = client.chat.completions.create(
            model="fox", messages=HELLO, stream=True, extra_body=LONG
        )
        next(iter(chunks))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            for _ in chunks:
                pass
        assert caught.value.code == "language_server_died"
        answer = client.chat.completions.create(model="fox", messages=HELLO, max_tokens=2)
    assert answer.choices
    [other] = house.pids()
    assert other != pid


def test_a_stopped_one_is_gone_and_nobody_else_may_ask_it(house: LlamaHouse) -> None:
    house.runs("fox")
    [pid] = house.pids()
    ports = {
        int(line.split()[1].rpartition(":")[2], 16)
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and _owns(pid, line.split()[9])
    }
    [port] = ports
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={"messages": HELLO})
    assert answer.status_code == 401
    house.post("fox", "stop", 200)
    assert ended({pid})


def test_no_orphan_is_left_by_a_killed_bootstrap(house: LlamaHouse) -> None:
    for name in ("fox", "owl"):
        house.post(name, "start", 202)
        house.runs(name)
    pids = house.pids()
    assert len(pids) == 2
    house.studio.process.kill()
    assert ended(pids)


def _owns(pid: int, inode: str) -> bool:
    links = []
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(handle.readlink()))
        except OSError:
            continue
    return f"socket:[{inode}]" in links
