"""The command behind ``scripts/bench``: measure, print the table, write the JSON file."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import httpx
import orjson

from benchmarks import (
    downloads,
    events,
    history,
    jobs,
    library,
    live,
    logins,
    machine,
    queue,
    start,
    upload,
)
from benchmarks.options import Options
from benchmarks.report import Part, document, say, table, verdict

LEAST_MIB: Final = 128
"""A smaller file is gone before anybody can pause it."""
PARTS: Final[dict[str, Callable[[Options], Part]]] = {
    "jobs": jobs.measure,
    "start": start.measure,
    "queue": queue.measure,
    "events": events.measure,
    "live": live.measure,
    "logins": logins.measure,
    "history": history.measure,
    "library": library.measure,
    "upload": upload.measure,
    "downloads": downloads.measure,
}


def main(arguments: Sequence[str]) -> int:
    """Measure the chosen parts, all of them when none is named.

    Returns:
        0, whether budgets are met or missed: timings are told, never asserted. 1 when a part could
        not be measured.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.parts) - PARTS.keys()):
        parser.error(f"there is no part {unknown[0]}; the parts are {', '.join(PARTS)}")
    names = [name for name in PARTS if name in chosen.parts] if chosen.parts else list(PARTS)
    chosen.work.mkdir(parents=True, exist_ok=True)
    found = machine.facts(chosen.work)
    say(machine.sentence(found))
    rounds = chosen.rounds or (3 if chosen.quick else 12)
    file_mib = chosen.file_mib or (1024 if chosen.quick else 10_240)
    done: list[Part] = []
    broken = []
    for name in names:
        say(f"{name}:")
        work = Path(tempfile.mkdtemp(prefix="bench-", dir=chosen.work)).resolve()
        try:
            part = PARTS[name](
                Options(work=work, rounds=rounds, quick=chosen.quick, file_mib=file_mib)
            )
        except (RuntimeError, httpx.HTTPError, OSError) as error:
            broken.append(name)
            say(f"{name} could not be measured: {type(error).__name__}: {error}")
            continue
        finally:
            shutil.rmtree(work, ignore_errors=True)
        done.append(part)
        say(table(part.figures))
        for remark in part.remarks:
            say(f"  {remark}")
    figures = [figure for part in done for figure in part.figures]
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_bytes(orjson.dumps(document(found, done), option=orjson.OPT_INDENT_2))
    say(f"\n{table(figures)}\n")
    for part in done:
        for remark in part.remarks:
            say(f"- {part.name}: {remark}")
    say(f"- {machine.sentence(found)}")
    say(f"\n{verdict(figures)} Everything is in {chosen.out}.")
    if broken:
        say(f"Not measured: {', '.join(broken)}.")
    return 1 if broken else 0


def _size(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST_MIB:
        raise argparse.ArgumentTypeError(f"at least {LEAST_MIB}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure Studio against its budgets and its rivals."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="of the part jobs (12; 3 with --quick)")
    parser.add_argument(
        "--file-mib", type=_size, help="of the part downloads (10240; 1024 with --quick)"
    )
    parser.add_argument("--quick", action="store_true", help="small counts: does it work at all?")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="the JSON file")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build"),
        help="where databases and assets of the run lie; it should be a real disk",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
