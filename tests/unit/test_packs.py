"""What a node pack may be called and where it may come from; what bootstrap starts for packs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from boot.pack_child import plan_pack_worker
from boot.packs import (
    Package,
    PackRecord,
    PackRefused,
    PackReport,
    check_name,
    check_ref,
    check_url,
    name_of,
    read_json,
)
from boot.plan import ChildPlan, Ids
from boot.settings import read_settings

SECRETS = {"API_KEY": "canary-1", "HF_TOKEN": "canary-2", "CIVITAI_API_KEY": "canary-3"}


@pytest.mark.parametrize("name", ["ComfyUI-GGUF", "was-node-suite-comfyui", "a.b", "x" * 80])
def test_names_of_folders_are_names_of_packs(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a..b",
        "x.disabled",
        "x.DISABLED",
        "x.py",
        "x.git",
        "x.swap",
        "x.old",
        "-x",
        "x y",
        "x\n",
        "ä",
        "x" * 81,
    ],
)
def test_names_that_lead_elsewhere_or_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(PackRefused):
        check_name(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/someone/ComfyUI-Things", "ComfyUI-Things"),
        ("https://git.example.org:8443/~me/things.git", "things"),
        ("https://example.org/things/", "things"),
    ],
)
def test_a_pack_is_called_as_the_last_part_of_its_address(url: str, name: str) -> None:
    assert name_of(check_url(url)) == name


@pytest.mark.parametrize(
    "url",
    [
        "",
        "github.com/x/y",
        "file:///x",
        "/x",
        "ssh://git@h/x",
        "git@h:x",
        "ext::sh",
        "https://h",
        "https://u@h/x",
        "https://u:p@h/x",
        "https://h/x?y",
        "https://h/x#y",
        "https://h/../x",
        "https://h/-x",
        "https://h/x y",
        "https://h/x\n",
        "https://h/%2e%2e/x",
        "https://h:x/y",
        "HTTPS://h/x",
        "https:///x",
        "https://h//x",
        f"https://h/{'x' * 300}",
    ],
)
def test_addresses_that_are_none_of_a_repository_are_refused(url: str) -> None:
    with pytest.raises(PackRefused):
        check_url(url)


@pytest.mark.parametrize("ref", ["--upload-pack=id", "a..b", "x.lock", "x/", "a b", "a\n", "^x"])
def test_what_git_would_take_for_an_option_is_no_branch(ref: str) -> None:
    with pytest.raises(PackRefused):
        check_ref(ref)


@pytest.mark.parametrize("ref", ["", "main", "v1.2", "feature/x", "0" * 40])
def test_branches_tags_and_commits_are_possible(ref: str) -> None:
    assert check_ref(ref) == ref


COMMIT = "0" * 40
GOOD = {"name": "x", "url": "https://h/x", "ref": "", "commit": COMMIT, "changed_at": 1.0}


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {"changed_at": 1},
        {**GOOD, "changed_at": True},
        {**GOOD, "changed_at": -1},
        {**GOOD, "changed_at": float("inf")},
        {**GOOD, "changed_at": float("nan")},
        {**GOOD, "changed_at": 1e300},
        {**GOOD, "changed_at": 10**400},
        {**GOOD, "why": "\ud800"},
        {**GOOD, "why": None},
        {**GOOD, "commit": ["a"]},
        {},
        {"name": "x"},
        {"name": 1, "url": "https://h/x", "commit": "0" * 40},
        {"name": "x", "url": "https://h/x", "commit": "nothing", "changed_at": 1},
        {"name": "x", "url": "javascript:x", "commit": "0" * 40, "changed_at": 1},
        {"name": "x", "url": "https://h/x", "commit": "0" * 40, "changed_at": "now"},
    ],
    ids=str,
)
def test_a_record_that_a_custom_node_may_have_forged_is_read_with_care(said: Any) -> None:
    assert PackRecord.parse(said) is None


def test_what_half_a_character_stands_in_is_left_out_of_a_record() -> None:
    good = {"name": "numpy", "version": "1"}
    packages = [good, {**good, "name": "\ud800"}, {"name": "x"}, {"name": 1, "version": []}, None]
    record = PackRecord.parse({**GOOD, "packages": packages, "notes": ["\udcff", 1, [[]], "kept"]})
    assert record is not None
    assert record.packages == (Package("numpy", "1"),) and record.notes == ("kept",)


@pytest.mark.parametrize("name", ["id", "phase", "code", "message", "commit"])
@pytest.mark.parametrize("text", ["\ud800", None, 1])
def test_a_report_that_a_node_may_have_forged_is_read_with_care(name: str, text: Any) -> None:
    written = PackReport("1", notes=("a note",)).to_json()
    assert PackReport.parse(written) == PackReport("1", notes=("a note",))
    assert PackReport.parse({**written, name: text}) is None


def test_a_record_that_was_written_can_be_read() -> None:
    record = PackRecord("x", "https://h/x", "main", "0" * 40, 1.5, notes=("a note",))
    assert PackRecord.parse(record.to_json()) == record


def test_a_file_that_is_too_large_or_too_deep_is_not_read(tmp_path: Path) -> None:
    large, deep = tmp_path / "large", tmp_path / "deep"
    large.write_text(f'"{"x" * (1 << 20)}"')
    deep.write_text("[" * 200_000)
    assert read_json(large) is None and read_json(deep) is None
    assert read_json(tmp_path) is None and read_json(tmp_path / "missing") is None


def worker(tmp_path: Path, environ: dict[str, str]) -> ChildPlan:
    settings = read_settings({"STUDIO_DIR": str(tmp_path)}, app_dir=tmp_path)
    comfy = ChildPlan(
        name="comfyui",
        kind="comfyui",
        argv=("/venv/python", "main.py"),
        cwd=tmp_path,
        env={"PATH": "/bin"},
        ids=Ids(10002, 10002, (10002,)),
        umask=0o002,
    )
    (planned,) = plan_pack_worker(settings, (comfy,), environ, python=sys.executable)
    return planned


def test_the_worker_is_whom_the_engine_is_and_starts_only_when_asked(tmp_path: Path) -> None:
    planned = worker(tmp_path, {})
    assert planned.ids == Ids(10002, 10002, (10002,)) and planned.on_demand
    assert planned.argv[-2:] == ("--python", "/venv/python") and planned.kind == "packs"


def test_the_worker_sees_no_token_and_an_index_only_without_a_password(tmp_path: Path) -> None:
    open_index = {"PIP_INDEX_URL": "https://pypi.example.org/simple"}
    closed = {"PIP_EXTRA_INDEX_URL": "https://me:canary-4@pypi.example.org/simple"}
    env = worker(tmp_path, {**SECRETS, **open_index, **closed}).env
    assert env == {"PATH": "/bin", **open_index}


def test_without_a_comfyui_of_its_own_there_is_no_worker(tmp_path: Path) -> None:
    settings = read_settings({"STUDIO_DIR": str(tmp_path)}, app_dir=tmp_path)
    assert plan_pack_worker(settings, (), {}, python=sys.executable) == ()
