"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.policy.source import ROOT, module_name, parse, shown, walk

Function = ast.FunctionDef | ast.AsyncFunctionDef
MAX_LINES = 350
BROAD = {
    # A tool for agents: whoever called it is told, but not what the exception says.
    "studio/web/mcp_server.py": 1,
    # A transfer's threads: what one of them ran into is raised by the one that watches.
    "studio/clients/transfer/crew.py": 1,
    # A download's task: what was wanted never just hangs.
    "studio/services/download_work.py": 1,
    # An engine's link: whatever an engine says, it is never left alone for good.
    "studio/services/engine_link.py": 1,
    # A job's task: an acknowledged job never just disappears.
    "studio/services/runner.py": 1,
    # The line to Telegram: whatever somebody says, it is never the last that is heard.
    "studio/services/telegram_link.py": 1,
    # A job that waits for its models never waits for something that will not come.
    "studio/services/on_demand.py": 1,
    # What was brought in: whatever it broke, what was there comes back.
    "studio/server.py": 1,
    # The worker of node packs: whoever waits for its report gets one.
    "boot/pack_worker.py": 1,
    # A change of node packs: whoever asked is told, and a rescue that failed is not the last.
    "studio/services/node_packs.py": 2,
    # An attempt at a webhook: one that breaks off is not made again at once, for ever.
    "studio/services/webhook_delivery.py": 1,
    # Snapshots: one that failed is not the last.
    "studio/services/backups.py": 1,
    # Updates: whoever waits is told of an end, and a look that failed is not the last one.
    "studio/services/updates.py": 3,
    # The door of the hot path: nobody gets a bare 500.
    "studio/web/hot_path.py": 1,
    # The database, on its thread and off it: whoever waits for an answer gets one.
    "studio/store/db.py": 1,
    "studio/store/work_line.py": 1,
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
    idle = [
        f"{shown(path)}: {node.name}"
        for path in walk(".py", under="tests")
        if path.name.startswith("test_")
        for node in functions(path)
        if node.name.startswith("test_") and not asserts(node, meanings(path), asserting)
    ]
    assert idle == []


@cache
def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(parse(path)) if isinstance(node, Function)]


@cache
def meanings(path: Path) -> dict[str, str]:
    """Which function of the tests a plain name in a file is: its own, or one that it imports."""
    found = {node.name: f"{module_name(path)}.{node.name}" for node in functions(path)}
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found


def asserts(node: ast.AST, names: dict[str, str], helpers: frozenset[str]) -> bool:
    """Whether a function can fail a test by itself, or calls one of ``helpers``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Assert):
            return True
        if isinstance(each, ast.Raise) and "AssertionError" in ast.dump(each):
            return True
        if isinstance(each, ast.Call):
            if ast.unparse(each.func).startswith("expect("):  # Playwright's way to assert
                return True
            if isinstance(each.func, ast.Name) and names.get(each.func.id) in helpers:
                return True
            if isinstance(each.func, ast.Attribute) and (
                f".{each.func.attr}" in helpers or each.func.attr in ("raises", "fail", "warns")
            ):
                return True
    return False


def asserting_helpers() -> frozenset[str]:
    """Functions of the tests, and methods as ``.name``, that assert or call one that does."""
    helpers: list[tuple[str, Function, dict[str, str]]] = []
    for path in walk(".py", under="tests"):
        classes = (node for node in ast.walk(parse(path)) if isinstance(node, ast.ClassDef))
        methods = {id(member) for node in classes for member in node.body}
        for node in functions(path):
            name = "" if id(node) in methods else module_name(path)
            if not node.name.startswith(("test_", "__")):
                helpers.append((f"{name}.{node.name}", node, meanings(path)))
    known: frozenset[str] = frozenset()
    while True:
        found = frozenset(name for name, node, names in helpers if asserts(node, names, known))
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


def test_nothing_waits_in_a_way_that_swallows_a_cancel() -> None:
    """Python 3.11's ``wait_for`` does; see ``studio/waits.py``."""
    found = {
        f"{shown(path)}:{node.lineno}"
        for folder in ("studio", "boot")
        for path in walk(".py", under=folder)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr == "wait_for"
    }
    assert found == set()


def test_no_pattern_is_possessive() -> None:
    """Python 3.11.2, which Debian 12 has, finds nothing with one that repeats a group."""
    found = {
        f"{shown(path)}:{node.lineno}"
        for path in walk(".py")
        if not shown(path).startswith("tests/")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"[)\]}][*+?]\+", node.value)
        and is_possessive(node.value)
    }
    assert found == set()


def is_possessive(text: str) -> bool:
    """Whether a text is a pattern that gives nothing back, once its repetitions took it."""
    try:
        operations = repr(import_module("re._parser").parse(text))
    except re.error:
        return False
    return "POSSESSIVE_REPEAT" in operations


def test_a_possessive_pattern_is_found() -> None:
    assert is_possessive("a(?:b|c)*+d")
    assert not is_possessive("a(?:b|c)*d")
