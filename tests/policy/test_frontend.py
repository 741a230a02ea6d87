"""Rules for the page that a machine can check."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.policy.source import ROOT, shown, walk

FRONTEND = ROOT / "frontend"
MOST_BYTES = 50 * 1024
STATIC_IMPORT = re.compile(r"""(?:from|import)\s*["'](\.[^"']+)["']""")
LATE_IMPORT = re.compile(r"""import\(["'](\.[^"']+)["']\)""")
WORKER = re.compile(r"""["']/static/(js/workers/[^"']+)["']""")
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafeHTML|unsafeSVG|DOMParser|"
    r"\beval\(|new Function|setTimeout\(['\"]|srcdoc|javascript:|setHTMLUnsafe|"
    r"createContextualFragment"
)
INLINE = re.compile(r"""\sstyle=|\son[a-z]+=["']""")
SENTENCE = re.compile(r">\s*[A-Z][a-z]+ [a-z]+[^<${}]*<")


def own(suffix: str) -> list[Path]:
    return list(walk(suffix, under="frontend"))


def loaded(start: Path, pattern: re.Pattern[str]) -> set[Path]:
    """A module and what it imports, through and through."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            text = path.read_text(encoding="utf-8")
            waiting += [(path.parent / name).resolve() for name in pattern.findall(text)]
    return found


def linked(kind: str) -> list[Path]:
    """What the page names in a ``<link rel=kind>``."""
    page = (FRONTEND / "index.html").read_text(encoding="utf-8")
    return [
        FRONTEND / name for name in re.findall(rf'<link rel="{kind}" href="/static/([^"]+)"', page)
    ]


def test_the_first_load_is_small() -> None:
    modules = loaded(FRONTEND / "js/main.js", STATIC_IMPORT)
    files = {*modules, *linked("stylesheet"), FRONTEND / "js/early.js"}
    assert len(files) > 30
    total = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    assert total <= MOST_BYTES


def test_the_page_names_every_module_of_the_first_load_so_that_all_come_at_once() -> None:
    modules = loaded(FRONTEND / "js/main.js", STATIC_IMPORT) - {FRONTEND / "js/main.js"}
    assert set(linked("modulepreload")) == modules


def test_every_file_of_the_page_is_used() -> None:
    modules = loaded(FRONTEND / "js/main.js", STATIC_IMPORT)
    late: set[Path] = set()
    waiting = list(modules)
    while waiting:
        path = waiting.pop()
        text = path.read_text(encoding="utf-8")
        starts = [(path.parent / name).resolve() for name in LATE_IMPORT.findall(text)]
        starts += [FRONTEND / name for name in WORKER.findall(text)]
        fresh = {each for start in starts for each in loaded(start, STATIC_IMPORT)} - late
        late |= fresh
        waiting += fresh
    assert late - modules
    early, worker = FRONTEND / "js/early.js", FRONTEND / "sw.js"
    used = modules | late | {early, worker}
    used |= {FRONTEND / "api/page.js", FRONTEND / "api/theme.js", FRONTEND / "editor/open.js"}
    used |= loaded(FRONTEND / "share/page.js", STATIC_IMPORT)
    messages = set(FRONTEND.glob("js/messages/*/*.js"))
    assert set(own(".js")) - used - messages == set()
    parts = (FRONTEND / "js/parts.js").read_text(encoding="utf-8")
    late_sheets = {
        FRONTEND / f"css/{name}.css"
        for names in re.findall(r"styles: \[([^\]]*)\]", parts)
        for name in re.findall(r"'([^']+)'", names)
    }
    here = {*linked("stylesheet"), *late_sheets, FRONTEND / "api/page.css"}
    here.add(FRONTEND / "share/page.css")
    assert set(own(".css")) == here


def test_the_api_page_names_files_that_are_there() -> None:
    page = (FRONTEND / "api/index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="/static/([^"]+)"', page)
    assert len(named) == 7
    assert [name for name in named if not (FRONTEND / name).is_file()] == []


def test_text_never_becomes_markup() -> None:
    wrong = [
        f"{shown(path)}: {match[0]}"
        for path in own(".js")
        if (match := MARKUP.search(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def test_nothing_is_inline_that_the_policy_forbids() -> None:
    wrong = [
        f"{shown(path)}: {match[0]}"
        for path in [*own(".js"), *own(".html")]
        if (match := INLINE.search(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []
    page = (FRONTEND / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page


def test_vendored_code_keeps_its_licence_and_says_how_it_came_here() -> None:
    vendor = FRONTEND / "vendor"
    told = (vendor / "README.md").read_text(encoding="utf-8")
    assert "Copyright" in (vendor / "lit/LICENSE").read_text(encoding="utf-8")
    files = [path.name for path in (vendor / "lit").glob("*.js")]
    assert files
    assert [name for name in files if name not in told] == []
    assert "Apache License" in (vendor / "swagger-ui/LICENSE").read_text(encoding="utf-8")
    for path in (vendor / "swagger-ui").iterdir():
        assert path.name in told or path.name in ("LICENSE", "NOTICE")
