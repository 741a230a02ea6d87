"""The command behind ``scripts/compare-conversion``."""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.conversion.comparison import Outcome, compare
from benchmarks.conversion.editor import open_editor, templates
from benchmarks.conversion.variations import vary
from benchmarks.report import say

EXPECTED: Final = 0.98
"""How many of the known templates must be the same to an engine."""


def main(arguments: Sequence[str]) -> int:
    """Compares all templates, or variations of them, and says what differs.

    Returns:
        0 when enough are the same, else 1.
    """
    chosen = _parser().parse_args(arguments)
    outcomes = []
    with open_editor() as editor:
        for name, workflow in _workflows(chosen):
            theirs = editor.prompt(workflow)
            outcome = compare(name, workflow, theirs, editor.object_info)
            outcomes.append(outcome)
            _tell(outcome)
            if chosen.record and name in chosen.record_names and isinstance(theirs, dict):
                _record(chosen.record / f"{name}.json.gz", workflow, theirs)
    return _judge(outcomes)


def _workflows(chosen: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    chance = random.Random(chosen.seed)  # noqa: S311  # the same seed gives the same changes
    files = {
        Path(name).stem: json.loads(Path(name).read_text(encoding="utf-8"))
        for name in chosen.names
        if name.endswith(".json")
    }
    for name, workflow in (files or templates()).items():
        if chosen.names and not files and name not in chosen.names:
            continue
        if not chosen.vary:
            yield name, workflow
        for number in range(chosen.vary):
            yield f"{name}-{number}", vary(workflow, chance)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/compare-conversion", description=main.__doc__)
    what = "templates, or files (*.json); all templates when none is named"
    parser.add_argument("names", nargs="*", help=what)
    parser.add_argument("--vary", type=int, default=0, help="changed copies of each instead")
    parser.add_argument("--seed", type=int, default=1, help="which changes --vary makes")
    parser.add_argument("--record", type=Path, help="write workflow and prompt into this folder")
    parser.add_argument(
        "--record-names", nargs="*", default=[], metavar="NAME", help="which ones --record writes"
    )
    return parser


def _tell(outcome: Outcome) -> None:
    if outcome.refused is not None:
        say(f"{outcome.name}: the editor makes no prompt: {outcome.refused}")
    for each in outcome.differences:
        where = f"{outcome.name} {each.node_id} {each.class_type} {each.field}"
        say(f"{where} ({each.kind}): theirs {_short(each.theirs)}, ours {_short(each.ours)}")


def _short(value: object) -> str:
    shown = "nothing" if value is ... else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _judge(outcomes: list[Outcome]) -> int:
    known = [each for each in outcomes if each.is_known and each.refused is None]
    same = [each for each in known if each.is_same_run]
    exact = [each for each in known if not each.differences]
    refused = sum(each.refused is not None for each in outcomes)
    say(f"{len(outcomes)} workflows, {refused} of which the editor itself cannot convert")
    say(f"{len(known)} of classes that this engine has, of these the same:")
    say(f"  to an engine          {len(same)} ({len(same) / max(1, len(known)):.1%})")
    say(f"  with all their titles {len(exact)} ({len(exact) / max(1, len(known)):.1%})")
    return 0 if len(same) >= EXPECTED * len(known) else 1


def _record(path: Path, workflow: dict[str, Any], prompt: dict[str, Any]) -> None:
    content = {"workflow": workflow, "prompt": prompt}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
