"""The worker that changes node packs, with real git and pip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boot.packs import packages_of, read_record
from tests.fakes.pack_box import ROOT, Box
from tests.fakes.pack_box import box as box
from tests.fakes.pack_box import places as places
from tests.fakes.pack_places import NODE, PackPlaces

CODE = NODE.format(name="Hello", value="text")


def test_a_pack_comes_with_its_packages_beside_its_code_and_the_python_stays_as_it_was(
    box: Box, places: PackPlaces
) -> None:
    places.wheel("greeting", "1.5", needs=("numpy", "wording>=2"))
    places.wheel("wording", "2.1")
    repository = places.repository("hello")
    commit = repository.commit({"__init__.py": CODE, "requirements.txt": "greeting\nnumpy\n"})
    ended = box.install(repository.url)
    assert (ended.code, ended.message, ended.done) == ("", "", True)
    assert box.names() == {"hello"}
    record = read_record(box.folders.place("hello"))
    assert record is not None and record.commit == commit and record.url == repository.url
    assert [(p.name, p.version) for p in record.packages] == [
        ("greeting", "1.5"),
        ("wording", "2.1"),
    ]
    packages = packages_of(box.folders.place("hello"))
    assert (packages / "greeting.py").exists() and not (packages / "numpy").exists()
    assert not (box.folders.place("hello") / ".git").exists()
    asked = subprocess.run([sys.executable, "-c", "import greeting"], capture_output=True)
    assert asked.returncode != 0


def test_packages_of_packs_come_last_and_those_of_disabled_packs_do_not_come(
    box: Box, places: PackPlaces
) -> None:
    places.wheel("greeting", "1.5")
    repository = places.repository("hello")
    repository.commit({"__init__.py": CODE, "requirements.txt": "greeting\n"})
    assert box.install(repository.url).code == ""
    # A package of the environment's own name, as one that a pack carries without saying so.
    (packages_of(box.folders.place("hello")) / "numpy.py").write_text("raise SystemExit(9)")
    look = "import numpy, greeting; print(numpy.__file__, greeting.VERSION)"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "boot" / "engine_site"),
        "NODE_PACKS_DIR": str(box.folders.root),
    }
    found = subprocess.run(
        [sys.executable, "-c", look], env=environ, capture_output=True, text=True
    )
    assert found.returncode == 0 and found.stdout.split()[1] == "1.5", found.stderr
    assert "hello" not in found.stdout
    box.run("disable", name="hello", why="a test")
    lost = subprocess.run([sys.executable, "-c", look], env=environ, capture_output=True, text=True)
    assert "No module named 'greeting'" in lost.stderr


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("numpy<1.0", "ComfyUI has numpy"),
        ("old", "old 1.0 depends on numpy<1.0"),
    ],
)
def test_a_pack_that_needs_another_version_of_what_the_engine_has_changes_nothing(
    box: Box, places: PackPlaces, wanted: str, said: str
) -> None:
    places.wheel("old", "1.0", needs=("numpy<1.0",))
    places.wheel("numpy", "0.9")
    repository = places.repository("hello")
    repository.commit({"__init__.py": CODE, "requirements.txt": wanted})
    refused = box.install(repository.url)
    assert refused.code == "conflict"
    assert said in refused.message and "ComfyUI has numpy" in refused.message
    assert box.names() == set() and not box.folders.staging.exists()


def test_two_packs_that_need_different_versions_of_one_package_are_a_conflict(
    box: Box, places: PackPlaces
) -> None:
    places.wheel("greeting", "1.5")
    places.wheel("greeting", "2.0")
    first, second = places.repository("first"), places.repository("second")
    first.commit({"__init__.py": CODE, "requirements.txt": "greeting<2"})
    second.commit({"__init__.py": CODE, "requirements.txt": "greeting>=2"})
    assert box.install(first.url, "first").code == ""
    refused = box.install(second.url, "second")
    assert refused.code == "conflict" and "the pack first has greeting 1.5" in refused.message
    assert box.names() == {"first"}


def test_a_package_that_nobody_has_is_named(box: Box, places: PackPlaces) -> None:
    repository = places.repository("hello")
    repository.commit({"__init__.py": CODE, "requirements.txt": "nowhere-to-be-found\n"})
    refused = box.install(repository.url)
    assert refused.code == "unresolved" and "nowhere-to-be-found" in refused.message


def test_lines_that_would_lead_pip_elsewhere_are_left_out_and_said(
    box: Box, places: PackPlaces, tmp_path: Path
) -> None:
    places.wheel("greeting", "1.5")
    repository = places.repository("hello")
    asked = "--trusted-host 127.0.0.1\n-e ../../elsewhere\ngreeting\n"
    repository.commit({"__init__.py": CODE, "requirements.txt": asked})
    ended = box.install(repository.url)
    assert ended.code == ""
    record = read_record(box.folders.place("hello"))
    assert record is not None and len(record.notes) == 2 and "--trusted-host" in record.notes[0]


def test_hooks_filters_submodules_and_links_of_a_repository_do_nothing(
    box: Box, places: PackPlaces, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    repository = places.repository("hello")
    (repository.work / "leads_out").symlink_to("/etc/passwd")
    repository.commit(
        {
            "__init__.py": CODE,
            "install.py": f"open({str(marker)!r}, 'w')",
            ".gitattributes": "* filter=evil\n",
            ".gitconfig": f'[filter "evil"]\n smudge = touch {marker}\n',
            ".gitmodules": '[submodule "x"]\n path = x\n url = ext::sh -c "touch ran"\n',
        }
    )
    hook = repository.bare / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    assert box.install(repository.url).code == ""
    assert not marker.exists()
    assert not (box.folders.place("hello") / "leads_out").is_symlink()
    record = read_record(box.folders.place("hello"))
    assert record is not None and any("submodules" in note for note in record.notes)
    assert any("install.py" in note for note in record.notes)


def test_a_repository_without_a_pack_or_with_a_record_of_its_own_is_refused(
    box: Box, places: PackPlaces
) -> None:
    empty, forged = places.repository("empty"), places.repository("forged")
    empty.commit({"README.md": "nothing"})
    forged.commit({"__init__.py": CODE, ".pack/record.json": "{}"})
    for repository in (empty, forged):
        assert box.install(repository.url).code == "not_a_pack"
    assert box.install(f"{places.url}/nothing-there.git").code == "fetch_failed"
    assert box.names() == set()


def test_a_commit_is_fetched_by_its_name_and_a_branch_at_its_end(
    box: Box, places: PackPlaces
) -> None:
    repository = places.repository("hello")
    old = repository.commit({"__init__.py": CODE})
    new = repository.commit({"__init__.py": CODE + "\n# newer"})
    assert box.install(repository.url, ref=old).code == "" and box.commit() == old
    assert box.install(repository.url, ref="main").code == "" and box.commit() == new
    assert box.install(repository.url, ref="0" * 40).code == "fetch_failed"
    assert box.commit() == new


def test_going_back_undoes_an_update_a_removal_and_itself(box: Box, places: PackPlaces) -> None:
    repository = places.repository("hello")
    old = repository.commit({"__init__.py": CODE})
    box.install(repository.url)
    new = repository.commit({"__init__.py": CODE + "\n# newer"})
    box.install(repository.url)
    assert box.commit() == new
    for expected in (old, new):
        assert box.run("restore", name="hello").code == ""
        assert box.commit() == expected
    assert box.run("remove", name="hello").code == "" and box.names() == set()
    assert box.run("restore", name="hello").code == "" and box.commit() == new
    assert box.run("restore", name="hello").code == "missing"
    assert box.run("remove", name="nobody").code == "missing"


def test_a_pack_that_somebody_put_there_by_hand_can_be_removed_and_brought_back(box: Box) -> None:
    own = box.folders.place("by-hand")
    own.mkdir()
    (own / "__init__.py").write_text(CODE)
    assert box.run("remove", name="by-hand").code == "" and box.names() == set()
    assert box.run("restore", name="by-hand").code == "" and box.names() == {"by-hand"}


def test_a_disabled_pack_says_why_and_an_update_enables_it(box: Box, places: PackPlaces) -> None:
    repository = places.repository("hello")
    repository.commit({"__init__.py": CODE})
    box.install(repository.url)
    assert box.run("disable", name="hello", why="it crashed").code == ""
    record = read_record(box.folders.disabled("hello"))
    assert box.names() == set() and record is not None and record.why == "it crashed"
    new = repository.commit({"__init__.py": CODE + "\n# mended"})
    assert box.install(repository.url).code == "" and box.commit() == new
    assert not box.folders.disabled("hello").exists()
    box.run("disable", name="hello")
    assert box.run("enable", name="hello").code == "" and box.commit() == new


HOSTILE = [
    {"name": "../evil"},
    {"name": ".hidden"},
    {"name": "a/b"},
    {"name": "x.disabled"},
    {"name": "x", "url": "file:///etc"},
    {"name": "x", "url": "ext::sh -c id"},
    {"name": "x", "url": "ssh://git@example.org/x"},
    {"name": "x", "url": "https://user:secret@example.org/x"},
    {"name": "x", "url": "https://example.org/--upload-pack=id"},
    {"name": "x", "url": "https://example.org/x?y"},
    {"name": "x", "url": "https://example.org/x\n"},
    {"name": "x", "ref": "--upload-pack=id"},
    {"name": "x", "ref": "a..b"},
    {"name": "x", "more": "fields"},
    {"name": "x", "action": "run"},
]


@pytest.mark.parametrize("said", HOSTILE, ids=json.dumps)
def test_a_plan_with_a_hostile_name_or_address_is_not_begun(box: Box, said: dict[str, str]) -> None:
    plan = {"action": "stage", "url": "https://example.org/x", **said}
    command = box.command(**plan)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert list(box.folders.root.iterdir()) == [] and not (box.work / "report.json").exists()


def test_a_plan_that_is_a_link_or_a_pipe_is_not_read(box: Box, tmp_path: Path) -> None:
    command = box.command("discard")
    plan = box.work / "plan.json"
    plan.rename(tmp_path / "elsewhere.json")
    plan.symlink_to(tmp_path / "elsewhere.json")
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 2
    plan.unlink()
    os.mkfifo(plan)
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60).returncode == 2
