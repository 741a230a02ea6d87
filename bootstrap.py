"""Start Studio and its engines, and stay as their parent: ``python bootstrap.py [serve]``.

Killing or updating Studio leaves the engines working; the end of this process ends everything.
Settings come from the environment (docs/configuration.md). Exit status: 0 after SIGTERM or SIGINT,
2 wrong settings, 75 another bootstrap runs already, 78 Studio refused its configuration.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from boot.engines import Engine, plan_engines
from boot.environment import studio_environment
from boot.folders import Folders, prepare_folders, prepare_run_dir
from boot.hold import check_free
from boot.pack_child import plan_pack_worker
from boot.parent import run
from boot.plan import EXIT_USAGE, BootError, ChildPlan, Plan
from boot.settings import Settings, read_settings

TAKE_OVER = "--take-over"


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run until asked to end; returns the exit status."""
    if list(arguments) not in ([], ["serve"], ["serve", TAKE_OVER]):
        print(f"usage: bootstrap.py [serve [{TAKE_OVER}]]", file=sys.stderr)
        return EXIT_USAGE
    first_args = tuple(arguments[1:])
    try:
        app_dir = Path(__file__).resolve().parent
        return run(make_plan(environ, app_dir=app_dir, first_args=first_args))
    except BootError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return error.exit_code


def make_plan(
    environ: Mapping[str, str], *, app_dir: Path, first_args: tuple[str, ...] = ()
) -> Plan:
    """Work out the children from the environment and prepare their folders.

    Args:
        first_args: for the first start of Studio alone; a restart must not take over again.

    Raises:
        BootError: a setting, a folder or an engine that cannot be used.
    """
    settings = read_settings(environ, app_dir=app_dir)
    prepare_run_dir(settings)
    check_free(settings.run_dir)
    try:
        folders = prepare_folders(settings)
    except BootError as error:
        if not settings.isolation:
            raise
        # Some network volumes let nobody change owners; working comes first.
        _log(f"{error} Going on as one user, without isolation.")
        settings = replace(settings, studio_ids=None, engine_ids=None)
        folders = prepare_folders(settings)
    engines = plan_engines(settings, folders, environ, python=sys.executable, log=_log)
    running = tuple(engine.child for engine in engines if engine.child is not None)
    if settings.image and not settings.isolation:
        _log("Studio and the engines run as one user, without isolation")
    return Plan(
        run_dir=settings.run_dir,
        log_dir=folders.log_dir,
        children=(
            replace(_plan_studio(settings, folders, engines, environ), first_args=first_args),
            *running,
            *plan_pack_worker(settings, running, environ, python=sys.executable),
        ),
        studio_ids=settings.studio_ids,
        isolation=settings.isolation,
    )


def _plan_studio(
    settings: Settings,
    folders: Folders,
    engines: Sequence[Engine],
    environ: Mapping[str, str],
) -> ChildPlan:
    listed = [
        {"name": each.name, "kind": each.kind, "url": each.url}
        | ({"temp_dir": str(each.temp_dir)} if each.temp_dir else {})
        for each in engines
    ]
    given = {
        "STUDIO_DIR": str(settings.studio_dir),
        "STUDIO_RUN_DIR": str(settings.run_dir),
        "ENGINE_DIR": str(settings.engine_dir),
        "MODEL_DIR": str(settings.model_dir),
        "CUSTOM_NODES_DIR": str(settings.custom_nodes_dir),
        "CACHE_DIR": str(settings.cache_dir),
        "LLM_DIR": str(settings.llm_dir),
        "STUDIO_ENGINES": json.dumps(listed),
        "STUDIO_ISOLATION": "1" if settings.isolation else "0",
    }
    if folders.own_model_dir is not None:
        given["STUDIO_OWN_MODEL_DIR"] = str(folders.own_model_dir)
    home = str(settings.studio_dir) if settings.studio_ids else None
    return ChildPlan(
        name="studio",
        kind="studio",
        argv=(sys.executable, "-m", "studio", "serve"),
        cwd=settings.app_dir,
        env=studio_environment(environ, given, home=home),
        ids=settings.studio_ids,
    )


def _log(message: str) -> None:
    print(f"bootstrap: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
