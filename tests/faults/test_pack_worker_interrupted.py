"""The worker that changes node packs is killed, or refused by the disk, between any two steps."""

from __future__ import annotations

import os

import pytest

from boot.packs import read_record
from tests.fakes.pack_box import Box
from tests.fakes.pack_box import box as box
from tests.fakes.pack_box import places as places
from tests.fakes.pack_places import NODE, PackPlaces

CODE = NODE.format(name="Hello", value="text")


def at_rename(number: int, what: str, last: int | None = None) -> tuple[str, ...]:
    """Do that to the worker at its ``number``-th change of a name; git and pip are spared."""
    when = f"{number}" if last is None else f"{number}..{last}"
    return (
        *("strace", "-qq", "-o", os.devnull, "-e", "trace=rename"),
        *("-e", f"inject=rename:{what}:when={when}"),
    )


@pytest.mark.parametrize("action", ["activate", "restore", "remove", "disable"])
@pytest.mark.parametrize("number", range(1, 7))
def test_a_kill_at_any_change_of_a_name_leaves_the_old_pack_or_the_new_one(
    box: Box, places: PackPlaces, action: str, number: int
) -> None:
    repository = places.repository("hello")
    commits = []
    for text in ("", "# newer", "# newest"):
        commits.append(repository.commit({"__init__.py": f"{CODE}\n{text}"}))
    for commit in commits[:2]:
        box.install(repository.url, ref=commit)
    if action == "activate":
        box.run("stage", name="hello", url=repository.url, ref=commits[2])
    box.run(action, strace=at_rename(number, "signal=SIGKILL"), name="hello")
    assert box.run("discard").code == ""
    assert not box.folders.journal.exists() and not box.folders.staging.exists()
    place = box.folders.present("hello")
    record = None if place is None else read_record(place)
    allowed = {
        "activate": {commits[1], commits[2]},
        "restore": {commits[0], commits[1]},
        "remove": {commits[1], ""},
        "disable": {commits[1]},
    }[action]
    assert ("" if record is None else record.commit) in allowed
    if record is not None and box.folders.previous("hello").exists():
        before = read_record(box.folders.previous("hello"))
        assert before is not None and before.commit != record.commit
        assert action != "remove" or before.commit == commits[0]
    assert action != "remove" or box.folders.previous("hello").exists()
    if record is None:
        assert box.run("restore", name="hello").code == "" and box.commit() == commits[1]


@pytest.mark.parametrize("action", ["activate", "restore", "remove"])
@pytest.mark.parametrize("last", [0, 9])
@pytest.mark.parametrize("number", range(2, 7))
def test_a_disk_that_refuses_a_change_of_a_name_costs_no_pack(
    box: Box, places: PackPlaces, action: str, last: int, number: int
) -> None:
    repository = places.repository("hello")
    commits = [repository.commit({"__init__.py": f"{CODE}\n# {number}"}) for number in range(3)]
    for commit in commits[:2]:
        box.install(repository.url, ref=commit)
    if action == "activate":
        box.run("stage", name="hello", url=repository.url, ref=commits[2])
    # Once, or so often that the worker cannot mend it itself.
    error = at_rename(number, "error=EIO", number + last)
    box.run(action, strace=error, name="hello")
    assert box.run("discard").code == ""
    assert not box.folders.journal.exists() and not box.folders.staging.exists()
    places_of = (box.folders.present("hello"), box.folders.previous("hello"))
    records = [read_record(place) for place in places_of if place is not None]
    found = [record.commit for record in records if record is not None]
    assert (
        found
        in {
            "activate": ([commits[1], commits[0]], [commits[2], commits[1]]),
            "restore": ([commits[1], commits[0]], [commits[0], commits[1]]),
            "remove": ([commits[1], commits[0]], [commits[1]]),
        }[action]
    )


@pytest.mark.parametrize("unreadable", ["", "[]", '{"action": "x"}', '{"action": "stage"}'])
def test_a_journal_that_nobody_can_read_costs_no_pack_and_no_later_change(
    box: Box, places: PackPlaces, unreadable: str
) -> None:
    repository = places.repository("hello")
    commits = [repository.commit({"__init__.py": f"{CODE}\n# {number}"}) for number in range(2)]
    for commit in commits:
        box.install(repository.url, ref=commit)
    # The names: of the record, of the journal, of the pack that is moved aside, of the other.
    box.run("restore", strace=at_rename(4, "signal=SIGKILL"), name="hello")
    assert (box.folders.staging / "hello.swap").is_dir()
    box.folders.journal.write_text(unreadable)
    assert box.run("discard").code == "" and not box.folders.journal.exists()
    assert box.commit() == commits[0]
    assert box.run("restore", name="hello").code == "" and box.commit() == commits[1]
