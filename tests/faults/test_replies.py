"""Studio ends, or is killed, while a model answers: nothing of what came is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tests.api.chats import begin, good, last, over, say, until
from tests.api.studio_process import run_studio
from tests.fakes.talker import Say, Talker, talking


@pytest.fixture
def talker() -> Iterator[Talker]:
    with talking() as running:
        yield running


def test_a_kill_in_the_middle_of_a_reply_leaves_what_it_had_to_be_gone_on_with(
    talker: Talker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    held = Event()
    talker.will_say(Say("one two three", holds=held, words_before=2), "three")
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        chat = begin(client)
        say(client, chat, "Count.")
        until(lambda: "two" in last(client, chat)["text"], "two words come")
        until(lambda: _kept(folder) == "one two ", "what came is kept")
        house.process.kill()
        house.process.wait()
    held.set()
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        found = last(client, chat)
        assert (found["status"], found["text"]) == ("interrupted", "one two ")
        good(client.post(f"/api/chats/{chat}/messages/{found['id']}/continue"), 201)
        assert over(client, chat)["text"] == "three"


def _kept(folder: Path) -> str:
    """The reply's text on the disk, in a copy: Studio lets nobody else open its database."""
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    for path in (folder / "studio/db").glob("studio.db*"):
        shutil.copy(path, copy)
    with closing(sqlite3.connect(copy / "studio.db")) as rows:
        found = rows.execute("SELECT text FROM messages WHERE role = 'assistant'").fetchone()
    return "" if found is None else str(found[0])


def test_a_studio_that_is_stopped_ends_its_replies_with_what_they_have(
    talker: Talker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    talker.will_say(Say("one two three", holds=Event(), words_before=2))
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        chat = begin(client)
        say(client, chat, "Count.")
        until(lambda: "two" in last(client, chat)["text"], "two words come")
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        found = last(client, chat)
        assert (found["status"], found["text"]) == ("interrupted", "one two ")


def test_a_question_outlives_a_kill_and_what_was_begun_is_not_begun_twice(
    talker: Talker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("asked")
    film = ("run_preset", {"preset": "Fox film"})
    talker.will_say(Say(calls=[film]), "Over.")
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        preset = {"name": "Fox film", "workflow_id": "text-to-video", "values": {"prompt": "x"}}
        good(client.post("/api/presets", json=preset), 201)
        chat = begin(client)
        say(client, chat, "Make a film.")
        assert over(client, chat)["status"] == "asking"
        house.process.kill()
        house.process.wait()
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        asking = last(client, chat)
        assert (asking["status"], asking["calls"][0]["state"]) == ("asking", "asking")
        at = f"/api/chats/{chat}/messages/{asking['id']}"
        good(client.post(f"{at}/calls/0", json={"run": True}))
        job = until(lambda: last(client, chat)["calls"][0]["job_id"], "a job")
        house.process.kill()
        house.process.wait()
    with run_studio(folder, talker.environ(), engine=False) as house, house.client() as client:
        until(house.is_alive, "Studio answers")
        found = last(client, chat)
        assert (found["status"], found["calls"][0]["job_id"]) == ("interrupted", job)
        good(client.post(f"{at}/continue"), 201)
        good(client.post(f"/api/jobs/{job}/cancel"))
        assert over(client, chat)["text"] == "Over."
        assert [each["id"] for each in good(client.get("/api/jobs"))["jobs"]] == [job]
