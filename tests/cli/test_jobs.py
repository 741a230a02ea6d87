"""``studio jobs``: what was left in Studio is found and fetched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.program import ROOT, SLOW, Place, finish, plain_picture, wait_for
from tests.cli.test_run import address


def test_jobs_are_listed_and_their_files_fetched_again(running: Place) -> None:
    graph = running.graph("fetched.json", plain_picture())
    job = json.loads(running.run("run", graph, "--json", "--out", "first").out)
    listed = running.run("jobs", "list")
    assert [line for line in listed.out.splitlines() if job["id"] in line and "fetched" in line]
    assert job["id"] in {
        each["id"] for each in json.loads(running.run("jobs", "list", "--json").out)
    }
    ended = running.run("jobs", "get", job["id"], "--out", "again")
    assert ended.files == [Path("again/plain_00001_.png")]
    again = (running.folder / ended.files[0]).read_bytes()
    assert again == (running.folder / job["files"][0]).read_bytes()


def test_a_job_is_cancelled_by_its_id(running: Place) -> None:
    process = running.start("run", *SLOW)
    job = wait_for(lambda: running.jobs("running"))[0]
    assert running.run("jobs", "cancel", job["id"]).status == 0
    ended = finish(process)
    assert ended.status == 1
    assert "[canceled]" in ended.err


def test_a_job_that_is_not_there_is_said_so(running: Place) -> None:
    for action in ("get", "cancel"):
        ended = running.run("jobs", action, "no/such job")
        assert (ended.status, ended.out) == (1, "")
        assert "[not_found]" in ended.err


def test_jobs_of_a_studio_elsewhere_are_reached_by_its_address(
    running: Place, place: Place
) -> None:
    job = json.loads(running.run("run", running.graph("far.json", plain_picture()), "--json").out)
    place.more = {"API_KEY": running.run("keys", "create", "jobs-elsewhere").out.strip()}
    ended = place.run("jobs", "get", job["id"], "--url", address(running))
    assert (place.folder / ended.files[0]).is_file()


def test_without_a_studio_the_list_says_how_to_start_one(place: Place) -> None:
    ended = place.run("jobs", "list")
    assert ended.status == 1
    assert "./start.sh" in ended.err
    assert not place.studio_dir.exists()


def test_a_job_outlives_the_studio_that_stopped_and_its_files_are_fetched_later(
    place: Place,
) -> None:
    with place.serving() as bootstrap:
        process = place.start("run", "a fox", "--steps", "150")
        job = wait_for(lambda: place.jobs("running"))[0]
        bootstrap.terminate()
        ended = finish(process)
    assert ended.status == 1
    assert f"./start.sh jobs get {job['id']}" in ended.err
    assert "[unreachable]" in ended.err
    # A private Studio does that job first, and one that is interrupted leaves it for the next.
    process = place.start("run", place.graph("plain.json", plain_picture()))
    assert process.stderr is not None
    assert any("1 earlier job ahead" in line for line in iter(process.stderr.readline, ""))
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
    later = place.run("jobs", "get", job["id"])
    assert later.status == 0, later.err
    assert (place.folder / later.files[0]).is_file()


def test_ctrl_c_while_waiting_for_a_job_leaves_it_alone(running: Place) -> None:
    process = running.start("run", *SLOW)
    job = wait_for(lambda: running.jobs("running"))[0]
    getting = running.start("jobs", "get", job["id"])
    wait_for(lambda: "running" in (getting.stderr.readline() if getting.stderr else ""))
    getting.send_signal(signal.SIGINT)
    assert finish(getting).status == 130
    assert running.ask(f"/api/jobs/{job['id']}")["status"] == "running"
    process.send_signal(signal.SIGINT)
    finish(process)


def test_the_socket_that_doctor_names_answers(running: Place) -> None:
    path = running.run("doctor", "--socket").out.strip()
    program = (sys.executable, "-c", _ASK, path)
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "depth" in json.loads(done.stdout)


_ASK = """
import sys, httpx
transport = httpx.HTTPTransport(uds=sys.argv[1])
with httpx.Client(transport=transport) as client:
    print(client.get("http://studio/api/queue").text)
"""
