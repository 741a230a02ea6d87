"""The repository's files, as the policy tests read them."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SKIPPED = frozenset({".git", ".venv", "node_modules", "vendor", "__pycache__", "build"})


def walk(*suffixes: str, under: str = ".") -> Iterator[Path]:
    """Every file of the repository with one of these suffixes (none: every file)."""
    start = ROOT / under
    if start.is_file():
        yield start
        return
    for folder, names, files in os.walk(start):
        names[:] = sorted(
            name for name in names if name not in _SKIPPED and not name.endswith("_cache")
        )
        if ".hypothesis" in names:
            names.remove(".hypothesis")
        # In a second work tree ".git" is a file.
        for name in sorted(set(files) - _SKIPPED):
            path = Path(folder, name)
            if not suffixes or path.suffix in suffixes:
                yield path


def shown(path: Path) -> str:
    """A path as the repository's readers know it."""
    return str(path.relative_to(ROOT))


@cache
def parse(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def table_in(module: str, name: str) -> list[str]:
    """The keys of a table that a module of the page exports, in their order."""
    text = (ROOT / "frontend/js" / module).read_text(encoding="utf-8")
    table = text.partition(f"export const {name} = {{\n")[2].partition("\n};")[0]
    return re.findall(r"^  (\w+): \{", table, re.MULTILINE)


def module_name(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, relative ones made absolute."""
    found = set()
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            if module == "studio" or module.count(".") == 1:
                # "from studio.services import jobs" names a module too.
                found |= {f"{module}.{name.name}" for name in node.names}
    return found
