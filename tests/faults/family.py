"""What a Studio under bootstrap consists of, from outside: its processes, its engine's address."""

from __future__ import annotations

import json

from tests.fakes.bootstrap_family import Line
from tests.faults.harness import Process


def members(family: Process) -> dict[str, int]:
    """Pids of those that run, under ``studio`` and ``engine``."""
    with Line(family.run_dir / "bootstrap.sock") as line:
        children = line.ask(b'{"verb": "status"}')["children"].values()
    return {
        "studio" if child["kind"] == "studio" else "engine": child["pid"]
        for child in children
        if child["state"] == "running" and child["kind"] in ("studio", "comfyui", "embedded")
    }


def engine_url(family: Process) -> str:
    """Where the one engine of the family answers; it keeps its port over its lives."""
    [record] = json.loads((family.run_dir / "engines.json").read_text()).values()
    url: str = record["url"]
    return url
