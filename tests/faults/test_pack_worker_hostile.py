"""The worker that changes node packs, in folders that a custom node has spoilt."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from boot.packs import PackFolders, PackRecord, record_file, write_json
from tests.fakes.pack_box import ROOT, Box
from tests.fakes.pack_places import NODE, PackPlaces, pack_places
from tests.unit.test_node_pack_files import HOSTILE


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path, {})


def put(box: Box, name: str) -> Path:
    place = box.folders.place(name)
    record_file(place).parent.mkdir(parents=True)
    (place / "__init__.py").touch()
    written = PackRecord(name, f"https://example.org/{name}", "", "0" * 40, changed_at=1.0)
    write_json(record_file(place), written.to_json())
    return place


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_a_pack_with_a_forged_record_is_disabled_enabled_and_removed(box: Box, record: str) -> None:
    record_file(put(box, "evil")).write_text(record)
    for action in ("disable", "enable", "remove", "restore"):
        done = box.run(action, name="evil")
        assert done.done and done.code == "", (action, done)
    assert box.names() == {"evil"}


def test_forged_records_and_names_keep_nobody_from_installing_another(
    box: Box, tmp_path: Path
) -> None:
    with pack_places(tmp_path / "places") as places:
        box = with_places(tmp_path / "inside", places)
        for number, record in enumerate(HOSTILE.values()):
            record_file(put(box, f"evil-{number}")).write_text(record)
        os.mkdir(os.fsencode(box.folders.root) + b"/\xff")
        repository = places.repository("hello")
        commit = repository.commit({"__init__.py": NODE.format(name="Hello", value="text")})
        ended = box.install(repository.url)
        assert (ended.code, ended.message) == ("", "") and box.commit() == commit


def with_places(folder: Path, places: PackPlaces) -> Box:
    folder.mkdir()
    return Box(folder, places.pip)


def file_in_place_of_the_store(folders: PackFolders) -> None:
    folders.store.write_text("")


def link_in_place_of_the_store(folders: PackFolders) -> None:
    folders.store.symlink_to(folders.store)


def folder_in_place_of_the_journal(folders: PackFolders) -> None:
    (folders.journal / "inside").mkdir(parents=True)


def folder_where_the_journal_is_written(folders: PackFolders) -> None:
    (folders.store / ".journal.json.new" / "inside").mkdir(parents=True)


def file_in_place_of_what_is_made_ready(folders: PackFolders) -> None:
    folders.store.mkdir()
    folders.staging.write_text("")


def file_in_place_of_what_was_before(folders: PackFolders) -> None:
    folders.store.mkdir()
    (folders.store / "previous").write_text("")


def another_that_is_disabled(folders: PackFolders) -> None:
    (folders.disabled("hello") / "inside").mkdir(parents=True)


def folder_where_the_record_is_written(folders: PackFolders) -> None:
    (folders.place("hello") / ".pack" / ".record.json.new" / "inside").mkdir(parents=True)


@pytest.mark.parametrize("action", ["disable", "remove"])
@pytest.mark.parametrize(
    "spoil",
    [
        file_in_place_of_the_store,
        link_in_place_of_the_store,
        folder_in_place_of_the_journal,
        folder_where_the_journal_is_written,
        file_in_place_of_what_is_made_ready,
        file_in_place_of_what_was_before,
        another_that_is_disabled,
        folder_where_the_record_is_written,
    ],
)
def test_nothing_in_the_way_keeps_a_pack_from_being_disabled_or_removed(
    box: Box, spoil: Callable[[PackFolders], None], action: str
) -> None:
    put(box, "hello")
    spoil(box.folders)
    done = box.run(action, name="hello", why="a test")
    assert done.done and done.code == "", done
    assert "hello" not in box.names()
    assert action == "remove" or box.folders.disabled("hello").joinpath("__init__.py").exists()


def test_a_report_that_is_a_folder_is_replaced(box: Box) -> None:
    put(box, "hello")
    (box.work / "report.json" / "inside").mkdir(parents=True)
    assert box.run("disable", name="hello").code == ""


AS_SOMEBODY = """
import os, sys
from boot.pack_worker import main
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("closed", [".packs.disabled", "hello", "hello/.pack", "hello/inside"])
def test_what_is_closed_to_the_worker_is_opened_again(closed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder), {})
        (put(box, "hello") / "inside" / "further").mkdir(parents=True)
        box.folders.store.mkdir()
        if os.geteuid() == 0:
            # For root nothing is closed, so the worker is somebody else here.
            for path in (Path(folder), *Path(folder).rglob("*")):
                os.chown(path, 65534, 65534)
        for action in ("disable", "enable", "remove", "restore", "remove"):
            for path in (box.folders.root / closed, box.folders.previous("hello")):
                if path.exists():
                    path.chmod(0)
            python, _m, _module, *words = box.command(action, name="hello", why="a test")
            box.work.joinpath("plan.json").chmod(0o644)
            done = subprocess.run(
                [python, "-c", AS_SOMEBODY, *words], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, (action, done.stdout, done.stderr)
        assert box.folders.previous("hello").is_dir() and not box.names()
