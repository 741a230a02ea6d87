"""``studio keys`` with a Studio that runs and without one."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import httpx
import pytest

from tests.cli.program import Place
from tests.cli.test_run import address


def keys_of(place: Place) -> dict[str, dict[str, Any]]:
    return {key["name"]: key for key in json.loads(place.run("keys", "list", "--json").out)}


def opens(place: Place, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{address(place)}/api/jobs", headers=headers).status_code == 200


def test_a_key_made_while_studio_runs_works_at_once_and_ends_at_once(running: Place) -> None:
    made = running.run("keys", "create", "phone", "--scope", "jobs", "--days", "30")
    key = made.out.strip()
    assert made.out == f"{key}\n"
    assert key not in made.err
    assert opens(running, key)
    assert keys_of(running)["phone"]["scopes"] == ["jobs"]
    assert running.run("keys", "revoke", "phone").status == 0
    assert not opens(running, key)
    assert "phone" not in keys_of(running)


def test_a_key_made_while_studio_stands_still_works_when_it_runs(place: Place) -> None:
    key = place.run("keys", "create", "early").out.strip()
    with place.serving():
        assert opens(place, key)
    assert place.run("keys", "revoke", keys_of(place)["early"]["id"]).status == 0
    assert keys_of(place) == {}


def test_the_table_of_keys_never_shows_a_key(place: Place) -> None:
    key = place.run("keys", "create", "mine").out.strip()
    listed = place.run("keys", "list")
    assert "mine" in listed.out
    assert key not in listed.out


def test_a_name_that_fits_two_keys_revokes_none(place: Place) -> None:
    for _ in range(2):
        place.run("keys", "create", "twin")
    ended = place.run("keys", "revoke", "twin")
    assert ended.status == 1
    assert "[ambiguous]" in ended.err
    assert len(json.loads(place.run("keys", "list", "--json").out)) == 2


def test_a_key_that_is_not_there_cannot_be_revoked(place: Place) -> None:
    ended = place.run("keys", "revoke", "nobody")
    assert ended.status == 1
    assert "[not_found]" in ended.err


def test_looking_at_the_keys_does_not_retire_the_one_of_the_environment(place: Place) -> None:
    secret = "a-long-enough-key-of-the-environment"
    place.more = {"API_KEY": secret}
    with place.serving():
        assert opens(place, secret)
    place.more = {}
    assert [name for name in keys_of(place) if "API_KEY" in name]


def test_a_volume_in_use_elsewhere_is_left_alone(place: Place) -> None:
    holder = {
        "boot_id": "another", "host": "another-host", "pid_ns": 1, "pid": 1, "start_time": 1,
        "beat": 1, "token": "x",
    }  # fmt: skip
    lease = place.studio_dir / "run" / "lease.json"
    lease.parent.mkdir(parents=True)
    lease.write_text(json.dumps(holder))
    ended = place.run("keys", "create", "mine")
    assert (ended.status, ended.out) == (75, "")
    assert "another-host" in ended.err
    assert json.loads(lease.read_text()) == holder
    assert not (place.studio_dir / "db" / "studio.db").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder somebody else's")
def test_a_run_folder_that_somebody_else_made_is_not_trusted(place: Place) -> None:
    place.run_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as trap:
        trap.bind(str(place.run_dir / "control.sock"))
        trap.listen()
        os.chown(place.run_dir, 12345, 12345)
        ended = place.run("keys", "list")
    assert ended.status == 1
    assert "[unsafe_folder]" in ended.err
