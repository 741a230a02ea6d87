"""Which copy of the application runs, and the folders and the link that say so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from boot.releases import (
    Armed,
    Found,
    ReleaseUnusable,
    choose,
    find,
    read_current,
    read_version,
    release_name,
    switch,
)
from boot.staging import StagingBusy, publish, staging

A, B = "1.0.0-aaaaaaaaaaaa", "1.1.0-bbbbbbbbbbbb"
GOOD = {A: "", B: ""}
COMPONENTS = {"app": "1.0.0", "frontend": "1.0.0", "catalogs": "3", "workflows": "7"}


def make_release(studio_dir: Path, name: str, *, min_runtime: int = 1) -> Path:
    folder = studio_dir / "releases" / name
    for part in ("studio", "frontend", "catalogs", "workflows"):
        (folder / part).mkdir(parents=True)
    said = {"version": "1.0.0", "min_runtime": min_runtime, "components": COMPONENTS}
    (folder / "version.json").write_text(json.dumps(said))
    return folder


@pytest.mark.parametrize(
    ("found", "release", "reason", "safe_mode", "switch_to"),
    [
        pytest.param(Found(), None, "first_start", False, False, id="an empty volume"),
        pytest.param(
            Found(faults=GOOD), None, "first_start", False, False, id="killed before the switch"
        ),
        pytest.param(Found(A, None, GOOD), A, "current", False, False, id="a second start"),
        pytest.param(Found(B, Armed(B, A, 3), GOOD), B, "armed", False, False, id="a trial"),
        pytest.param(Found(B, Armed(B, A, 1), GOOD), B, "armed", False, False, id="the last try"),
        pytest.param(
            Found(B, Armed(B, A, 0), GOOD), A, "rolled_back", False, True, id="no try left"
        ),
        pytest.param(
            Found(B, Armed(B, A, -1), GOOD), A, "rolled_back", False, True, id="fewer than none"
        ),
        pytest.param(
            Found(B, Armed(B, A, 0), {A: "", B: "broken"}),
            *(A, "rolled_back", False, True),
            id="no try left of a broken one",
        ),
        pytest.param(
            Found(B, Armed(B, None, 0), GOOD), None, "rolled_back", False, True, id="back to image"
        ),
        pytest.param(
            Found(A, Armed(B, A, 3), GOOD), A, "current", False, False, id="armed, not switched"
        ),
        pytest.param(
            Found(A, Armed(B, A, 0), GOOD), A, "current", False, False, id="switched back already"
        ),
        pytest.param(
            Found(B, Armed(B, A, 0), {B: ""}), None, "exhausted", True, False, id="both gone"
        ),
        pytest.param(
            Found(B, Armed(B, A, 0), {A: "broken", B: ""}),
            *(None, "exhausted", True, False),
            id="both unusable",
        ),
        pytest.param(Found(A), None, "missing", True, False, id="a link to nothing"),
        pytest.param(Found(A, None, {B: ""}), None, "missing", True, False, id="another is there"),
        pytest.param(
            Found(A, None, {A: "broken"}), None, "unusable", True, False, id="a broken release"
        ),
        pytest.param(
            Found(B, Armed(B, A, 2), {A: "", B: "broken"}),
            *(None, "unusable", True, False),
            id="a broken one on trial",
        ),
        pytest.param(
            Found(A, None, GOOD, "armed.json is not JSON."),
            *(None, "damaged", True, False),
            id="garbage in a state file",
        ),
        pytest.param(
            Found(None, None, {}, "armed.json is not JSON."),
            *(None, "damaged", True, False),
            id="garbage on an empty volume",
        ),
        pytest.param(
            Found(A, None, GOOD, failed_starts=4),
            *(A, "current", False, False),
            id="one that may start once more",
        ),
        pytest.param(
            Found(A, None, GOOD, failed_starts=5),
            *(None, "failing", True, False),
            id="a good one that does not start any more",
        ),
        pytest.param(
            Found(None, failed_starts=5),
            *(None, "failing", True, False),
            id="an image's copy that does not start",
        ),
        pytest.param(
            Found(B, Armed(B, A, 2), GOOD, failed_starts=5),
            *(B, "armed", False, False),
            id="a trial after one that did not start",
        ),
        pytest.param(
            Found(B, Armed(B, A, 0), GOOD, failed_starts=5),
            *(A, "rolled_back", False, True),
            id="no try left after one that did not start",
        ),
    ],
)
def test_every_state_of_the_volume_has_one_start(
    found: Found, release: str | None, reason: str, safe_mode: bool, switch_to: bool
) -> None:
    choice = choose(found)

    assert (choice.release, choice.reason) == (release, reason)
    assert (choice.safe_mode, choice.switch) == (safe_mode, switch_to)
    assert choice.text.endswith((".", ": broken"))


def test_a_release_is_found_by_its_link_and_parts(tmp_path: Path) -> None:
    make_release(tmp_path, A)
    make_release(tmp_path, B, min_runtime=2)
    (make_release(tmp_path, "1.2.0-cccccccccccc") / "studio").rmdir()
    (tmp_path / "releases" / ".staged").mkdir()
    (tmp_path / "releases" / "notes").mkdir()
    (tmp_path / "releases" / "1.3.0-dddddddddddd").symlink_to(A)
    switch(tmp_path, A)

    found = find(tmp_path, runtime=1)

    assert found.current == A
    assert found.faults[A] == ""
    assert "RUNTIME_VERSION 2" in found.faults[B]
    assert "studio" in found.faults["1.2.0-cccccccccccc"]
    assert len(found.faults) == 3
    assert choose(found).release == A


def test_an_empty_volume_is_a_first_start(tmp_path: Path) -> None:
    assert choose(find(tmp_path, runtime=1)).reason == "first_start"


def test_a_switch_replaces_the_link_and_leaves_nothing_else(tmp_path: Path) -> None:
    make_release(tmp_path, A)
    make_release(tmp_path, B)
    switch(tmp_path, A)
    switch(tmp_path, B)

    assert os.readlink(tmp_path / "current") == f"releases/{B}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "releases"]

    switch(tmp_path, None)
    assert read_current(tmp_path) is None


def test_a_switch_to_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    make_release(tmp_path, A)
    switch(tmp_path, A)
    (tmp_path / "releases" / B).symlink_to("/etc")

    for name in (B, "1.2.0-cccccccccccc", "../../etc", "", ".hidden-aaaaaaaaaaaa"):
        with pytest.raises(ReleaseUnusable):
            switch(tmp_path, name)
    assert read_current(tmp_path) == A


@pytest.mark.parametrize(
    "target", ["/etc", f"../releases/{A}", "releases/notes", f"/x/releases/{A}", f"releases/../{A}"]
)
def test_a_link_that_leads_elsewhere_is_damaged(tmp_path: Path, target: str) -> None:
    make_release(tmp_path, A)
    (tmp_path / "current").symlink_to(target)

    assert choose(find(tmp_path, runtime=1)).reason == "damaged"


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_something_else_in_place_of_the_link_is_damaged_until_a_switch(
    tmp_path: Path, kind: str
) -> None:
    make_release(tmp_path, A)
    current = tmp_path / "current"
    if kind == "folder":
        current.mkdir()
        (current / "kept").touch()
    else:
        current.write_text("kept")
    assert choose(find(tmp_path, runtime=1)).reason == "damaged"

    switch(tmp_path, A)

    assert choose(find(tmp_path, runtime=1)).release == A


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "\0" * 10,
        "[" * 100_000,
        '{"version": "1.0.0"}',
        '{"version": 1, "min_runtime": 1, "components": {}}',
        '{"version": "1.0.0", "min_runtime": true, "components": {}}',
        '{"version": "../..", "min_runtime": 1, "components": {}}',
        json.dumps({"version": "1", "min_runtime": 1, "components": {"app": "1"}}),
        json.dumps({"version": "1", "min_runtime": 1, "components": COMPONENTS | {"app": 1}}),
    ],
)
def test_garbage_is_no_version(tmp_path: Path, content: str) -> None:
    (tmp_path / "version.json").write_text(content)

    with pytest.raises(ReleaseUnusable):
        read_version(tmp_path)


def test_a_version_is_not_read_through_a_link_or_from_a_pipe(tmp_path: Path) -> None:
    elsewhere = make_release(tmp_path, A) / "version.json"
    for name in ("link", "pipe"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / "version.json").symlink_to(elsewhere)
    os.mkfifo(tmp_path / "pipe" / "version.json")

    for name in ("link", "pipe", "nothing"):
        with pytest.raises(ReleaseUnusable):
            read_version(tmp_path / name)
    assert read_version(elsewhere.parent).components == COMPONENTS


def test_a_release_is_named_by_version_and_twelve_digits_of_the_commit() -> None:
    assert release_name("1.0.0", "0123456789abcdef") == "1.0.0-0123456789ab"
    for version, commit in (
        ("1.0.0", "0123"),
        ("a/b", "0" * 40),
        ("..", "0" * 40),
        ("1", "X" * 40),
    ):
        with pytest.raises(ValueError, match="no name of a release"):
            release_name(version, commit)


def test_one_makes_a_release_at_a_time_and_what_was_left_half_done_goes(tmp_path: Path) -> None:
    make_release(tmp_path, A)
    half = tmp_path / "releases" / ".half" / "studio"
    half.mkdir(parents=True)
    (tmp_path / "releases" / ".link").symlink_to(tmp_path)

    with staging(tmp_path) as folder:
        assert not half.parent.exists()
        with pytest.raises(StagingBusy), staging(tmp_path):
            pass
        make_release(tmp_path, ".staged")
        publish(folder / ".staged", B)

    assert choose(find(tmp_path, runtime=1)).reason == "first_start"
    assert find(tmp_path, runtime=1).faults == {A: "", B: ""}


def test_a_release_never_takes_the_place_of_another(tmp_path: Path) -> None:
    kept = make_release(tmp_path, A) / "studio" / "kept"
    kept.touch()

    with staging(tmp_path) as folder:
        make_release(tmp_path, ".staged")
        with pytest.raises(OSError, match="not empty"):
            publish(folder / ".staged", A)
    assert kept.exists()
