"""The worker that changes node packs: real git and pip, and kills between any two of its steps."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from boot.packs import PackFolders, PackReport, packages_of, read_json, read_record, write_json
from tests.fakes.pack_places import NODE, PackPlaces, pack_places

ROOT = Path(__file__).resolve().parents[2]
CODE = NODE.format(name="Hello", value="text")


class Box:
    """A volume with node packs, and the worker."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folders = PackFolders(folder / "custom_nodes")
        self.work = folder / "packs"
        self.folders.root.mkdir()
        self.work.mkdir()
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
        self._numbers = itertools.count(1)

    def command(self, action: str, **fields: str) -> list[str]:
        """Leave a plan and say how the worker is started."""
        plan = {"id": f"plan-{next(self._numbers)}", "action": action, **fields}
        write_json(self.work / "plan.json", plan)
        return [
            *(sys.executable, "-m", "boot.pack_worker", "--custom-nodes", str(self.folders.root)),
            *("--work", str(self.work), "--python", sys.executable),
        ]

    def run(self, action: str, *, strace: tuple[str, ...] = (), **fields: str) -> PackReport:
        """Have a plan done, or killed; the report as it stands then."""
        done = subprocess.run(
            [*strace, *self.command(action, **fields)],
            cwd=ROOT,
            env=self._environ,
            capture_output=True,
            text=True,
        )
        report = PackReport.parse(read_json(self.work / "report.json"))
        assert report is not None, done.stderr
        return report

    def install(self, url: str, name: str = "hello", ref: str = "") -> PackReport:
        """Stage and activate."""
        staged = self.run("stage", name=name, url=url, ref=ref)
        return staged if staged.code else self.run("activate", name=name)

    def names(self) -> set[str]:
        """What ComfyUI would look at."""
        return {path.name for path in self.folders.root.iterdir() if path.suffix != ".disabled"}

    def commit(self, name: str = "hello") -> str:
        record = read_record(self.folders.place(name))
        return "" if record is None else record.commit


@pytest.fixture
def places(tmp_path: Path) -> Iterator[PackPlaces]:
    with pack_places(tmp_path / "places") as made:
        yield made


@pytest.fixture
def box(tmp_path: Path, places: PackPlaces) -> Box:
    return Box(tmp_path, places.pip)


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


def killed_at(number: int) -> tuple[str, ...]:
    """SIGKILL for the worker at its ``number``-th change of a name; git and pip are spared."""
    return (
        *("strace", "-qq", "-o", os.devnull, "-e", "trace=rename"),
        *("-e", f"inject=rename:signal=SIGKILL:when={number}"),
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
    box.run(action, strace=killed_at(number), name="hello")
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
    if record is None:
        assert box.run("restore", name="hello").code == "" and box.commit() == commits[1]
