"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.policy.source import ROOT, parse, shown, walk

MAX_LINES = 350
BROAD = {
    # A job's task: an acknowledged job never just disappears.
    "studio/services/runner.py": 1,
    # The door of the hot path: nobody gets a bare 500.
    "studio/web/hot_path.py": 1,
    # The database, on its thread and off it: whoever waits for an answer gets one.
    "studio/store/db.py": 2,
}
"""How many handlers of anything at all there are, and why there."""

TEXT = (".py", ".js", ".mjs", ".css", ".sh", ".md", ".toml", ".json", ".yml", ".yaml", ".lock", "")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
FOREIGN = re.compile(
    r"(?<![\w/.~}])/(?:root|work|home/[a-z]+|Users/[A-Za-z]+)/|"
    r"(?<!-)-i https?://|--(?:extra-)?index-url"
)
"""Folders of somebody's machine, and servers that packages happened to come from."""

SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b|"
    r"\bhf_[A-Za-z]{34}\b|\bsk-[A-Za-z0-9]{32,}\b|\bxox[abp]-[0-9A-Za-z-]{20,}|"
    r"\bnpm_[A-Za-z0-9]{36}\b|\bstudio_[A-Za-z0-9_-]{43}\b"
)


def texts() -> list[tuple[str, str]]:
    """(name, text) of every file that a person wrote, this one apart."""
    found = []
    for path in walk(*TEXT):
        if path != Path(__file__):
            found.append((shown(path), path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_no_file_is_longer_than_anybody_reads() -> None:
    long = {
        shown(path): count
        for path in walk(".py", ".js", ".mjs", ".css", ".sh")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}


def test_anything_at_all_is_caught_in_the_named_places_only() -> None:
    counts: dict[str, int] = {}
    for folder in ("studio", "boot", "bootstrap.py"):
        for path in walk(".py", under=folder):
            broad = sum(
                isinstance(node, ast.ExceptHandler) and is_broad(node.type)
                for node in ast.walk(parse(path))
            )
            if broad:
                counts[shown(path)] = broad
    assert counts == BROAD


def is_broad(kind: ast.expr | None) -> bool:
    """Whether a handler takes every ``Exception``. ``BaseException`` is for those that re-raise."""
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(name, ast.Name) and name.id == "Exception" for name in names)


def test_whoever_catches_everything_raises_it_again() -> None:
    wrong = []
    for folder in ("studio", "boot", "bootstrap.py"):
        for path in walk(".py", under=folder):
            for node in ast.walk(parse(path)):
                is_base = (
                    isinstance(node, ast.ExceptHandler)
                    and isinstance(node.type, ast.Name)
                    and node.type.id == "BaseException"
                )
                if is_base and not any(isinstance(each, ast.Raise) for each in ast.walk(node)):
                    wrong.append(f"{shown(path)}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []


def test_nothing_is_left_unfinished() -> None:
    code = (".py", ".js", ".mjs", ".css", ".sh", ".yml", ".yaml", ".toml")
    found = [name for name, text in texts() if name.endswith(code) and UNFINISHED.search(text)]
    assert found == []


def test_the_repository_speaks_of_no_machine_but_the_readers() -> None:
    found = {name: match[0] for name, text in texts() if (match := FOREIGN.search(text))}
    assert found == {}


def test_lock_files_name_no_server() -> None:
    locks = [*ROOT.glob("requirements*.lock"), *ROOT.glob("tests/**/package-lock.json")]
    assert len([path for path in locks if "node_modules" not in path.parts]) >= 3
    served = [
        line
        for path in locks
        if "node_modules" not in path.parts
        for line in path.read_text(encoding="utf-8").splitlines()
        if "://" in line and '"url"' not in line and "funding" not in line
    ]
    assert served == []


def test_no_secret_is_kept_here() -> None:
    assert [name for name, text in texts() if SECRETS.search(text)] == []


def test_every_test_asserts_something() -> None:
    """Directly, through ``pytest.raises``, or in a helper of the tests that asserts."""
    asserting = asserting_helpers()
    idle = []
    for path in walk(".py", under="tests"):
        if not path.name.startswith("test_"):
            continue
        for node in ast.walk(parse(path)):
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_test and node.name.startswith("test_") and not asserts(node, asserting):  # type: ignore[attr-defined]
                idle.append(f"{shown(path)}: {node.name}")  # type: ignore[attr-defined]
    assert idle == []


def asserts(node: ast.AST, helpers: frozenset[str] = frozenset()) -> bool:
    """Whether a function can fail a test by itself."""
    for each in ast.walk(node):
        if isinstance(each, ast.Assert):
            return True
        if isinstance(each, ast.Raise) and "AssertionError" in ast.dump(each):
            return True
        if isinstance(each, ast.Call):
            name = each.func.attr if isinstance(each.func, ast.Attribute) else None
            name = each.func.id if isinstance(each.func, ast.Name) else name
            if name in helpers or name in ("raises", "fail", "warns"):
                return True
    return False


def asserting_helpers() -> frozenset[str]:
    """Names of functions of the tests that assert, or call one that does."""
    functions = [
        node
        for path in walk(".py", under="tests")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("test_")
    ]
    known: frozenset[str] = frozenset()
    while True:
        found = frozenset(node.name for node in functions if asserts(node, known))
        if found == known:
            return known
        known = found


def test_nothing_but_the_tests_reads_the_tests() -> None:
    wrong = [
        shown(path)
        for folder in ("studio", "boot", "bootstrap.py")
        for path in walk(".py", under=folder)
        if re.search(r"^\s*(?:from|import) tests\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert wrong == []
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
