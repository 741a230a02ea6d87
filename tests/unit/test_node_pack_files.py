"""Node packs on the volume, beside what a custom node has put there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from boot.packs import PackRecord, record_file, write_json
from studio.services.pack_work import PackView
from studio.store.node_packs import NodePackFiles
from studio.web.nodes_api import _pack_body
from studio.web.respond import json_response
from tests.fakes.pack_box import ROOT

GOOD: dict[str, Any] = {
    "name": "evil", "url": "https://h/x", "ref": "", "commit": "0" * 40, "changed_at": 2.0
}  # fmt: skip
HOSTILE = {
    "no commit": '{"changed_at": 1}',
    "infinity": json.dumps({**GOOD, "changed_at": float("inf")}),
    "no number": json.dumps({**GOOD, "changed_at": float("nan")}),
    "far away": json.dumps({**GOOD, "changed_at": 1e300}),
    "many digits": json.dumps(GOOD).replace("2.0", "1" + "0" * 400),
    "too many digits": json.dumps(GOOD).replace("2.0", "1" * 5000),
    "half a character": json.dumps({**GOOD, "why": "\ud800"}),
    "half a package": json.dumps({**GOOD, "packages": [{"name": "\udcff", "version": "1"}]}),
    "half a note": json.dumps({**GOOD, "notes": ["\udcff"]}),
    "deep": "[" * 100_000,
    "no text": "\x00",
}


def put(root: Path, name: str, changed_at: float = 1.0) -> Path:
    place = root / name
    record_file(place).parent.mkdir(parents=True)
    record = PackRecord(name, f"https://example.org/{name}", "", "0" * 40, changed_at=changed_at)
    write_json(record_file(place), record.to_json())
    return place


def shown(root: Path) -> list[Any]:
    """What the page is told."""
    views = [PackView(pack, True, (), None) for pack in NodePackFiles(root=root, work=root).all()]
    told: list[Any] = json.loads(bytes(json_response([_pack_body(view) for view in views]).body))
    return told


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_a_forged_record_costs_its_own_pack_alone(tmp_path: Path, record: str) -> None:
    put(tmp_path, "good")
    record_file(put(tmp_path, "evil")).write_text(record)
    files = NodePackFiles(root=tmp_path, work=tmp_path)
    assert [(pack["name"], pack["present"]) for pack in shown(tmp_path)] == [
        ("evil", True),
        ("good", True),
    ]
    newest = files.newest()
    assert newest is not None and newest.present


@pytest.mark.parametrize("name", [b"\xff", b"a\xff.disabled", b"x" * 255], ids=repr)
def test_a_folder_with_any_name_hides_no_pack(tmp_path: Path, name: bytes) -> None:
    put(tmp_path, "good")
    os.mkdir(os.fsencode(tmp_path) + b"/" + name)
    assert "good" in [pack["name"] for pack in shown(tmp_path)]


def test_many_other_names_hide_no_pack(tmp_path: Path) -> None:
    put(tmp_path, "good")
    for number in range(1001):
        (tmp_path / f"a{number}").touch()
        (tmp_path / f".b{number}").mkdir()
    assert [pack["name"] for pack in shown(tmp_path)] == ["good"]


CLOSED = """
import json, os, sys
from pathlib import Path
from studio.store.node_packs import NodePackFiles
root = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
files = NodePackFiles(root=root, work=root)
newest = files.newest()
print(json.dumps([[p.name for p in files.all()], newest and newest.name, files.unfinished()]))
"""


@pytest.mark.parametrize(
    ("closed", "newest", "unfinished"),
    [(".packs.disabled", "evil", True), ("evil", "good", False), ("evil/.pack", "good", False)],
)
def test_a_folder_that_nobody_may_look_into_hides_no_pack(
    closed: str, newest: str, unfinished: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Root is somebody else here.
        root = Path(folder)
        root.chmod(0o755)
        put(root, "good")
        put(root, "evil", 2.0)
        (root / ".packs.disabled").mkdir()
        (root / closed).chmod(0)
        told = subprocess.run(
            [sys.executable, "-c", CLOSED, folder], cwd=ROOT, capture_output=True, text=True
        )
        (root / closed).chmod(0o755)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [["evil", "good"], newest, unfinished]
