"""Start Studio and its engines, and stay as their parent: ``python bootstrap.py [serve]``.

Killing or updating Studio leaves the engines working; the end of this process ends everything.
Settings come from the environment (docs/configuration.md). Exit status: 0 after SIGTERM or SIGINT,
2 wrong settings, 75 another bootstrap runs already, 78 Studio refused its configuration or a port
of its cannot be opened.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from boot.engines import Engine, plan_engines
from boot.environment import engine_environment, studio_environment
from boot.first_release import is_due
from boot.folders import Folders, OwnersRefused, one_user, prepare_folders, prepare_run_dir
from boot.hold import check_free
from boot.language_child import plan_language_children
from boot.launch import Volume
from boot.pack_child import plan_pack_worker
from boot.parent import run
from boot.phases import Phases, process_began_at
from boot.plan import EXIT_USAGE, BootError, ChildPlan, Plan
from boot.settings import Settings, read_settings
from boot.volume import probe

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
    phases = Phases(process_began_at())
    phases.end("python")
    settings = read_settings(environ, app_dir=app_dir)
    prepare_run_dir(settings)
    check_free(settings.run_dir)
    notices: list[str] = []
    try:
        try:
            folders = prepare_folders(settings)
        except OwnersRefused as refused:
            settings = _become_one_user(settings, str(refused))
            notices.append(_one_user_notice(str(refused)))
            folders = prepare_folders(settings)
        notices += folders.notices
        if settings.image and not settings.isolation:
            _log("Studio and the engines run as one user, without isolation")
        phases.end("folders")
        notices += _probe(settings)
        phases.end("volume")
    except BootError as error:
        if not settings.image:
            raise
        # A container that ends at once can tell nobody why; its page can.
        return _plan_explanation(settings, environ, str(error))
    engines = _find_engines(settings, folders, environ, notices)
    running = tuple(engine.child for engine in engines if engine.child is not None)
    phases.end("engines")
    _log(phases.text())
    studio = _plan_studio(settings, folders, engines, environ, notices)
    first_env = {"STUDIO_PHASES": json.dumps([phases.began_at, *phases.times])}
    return Plan(
        run_dir=settings.run_dir,
        log_dir=folders.log_dir,
        children=(
            replace(studio, first_args=first_args, first_env=first_env),
            *running,
            *plan_pack_worker(settings, running, environ, python=sys.executable),
            *plan_language_children(settings, environ, python=sys.executable),
            *_plan_staging(settings, environ),
        ),
        studio_ids=settings.studio_ids,
        isolation=settings.isolation,
        address=settings.address,
    )


def _become_one_user(settings: Settings, why: str) -> Settings:
    """Go on, for good, as the one user that may write there; working comes before isolation."""
    ids = one_user(settings)
    who = "root" if ids is None else f"user {ids.uid}"
    _log(f"{why} Going on as {who}, without isolation.")
    uid, gid = (0, 0) if ids is None else (ids.uid, ids.gid)
    try:
        # They were made for the user that Studio was to have.
        for path in (settings.run_dir, *settings.run_dir.iterdir()):
            os.chown(path, uid, gid, follow_symlinks=False)
        if ids is not None:
            os.setgroups(ids.groups)
            os.setgid(gid)
            os.setuid(uid)
    except OSError as error:
        raise BootError(f"{why} Nobody can become its owner {uid}: {error.strerror}.") from None
    return replace(settings, studio_ids=None, engine_ids=None)


def _one_user_notice(why: str) -> str:
    who = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    return (
        f"{why} So everything runs as {who}, and a custom node can do all that Studio can. Use a "
        "volume that keeps owners."
    )


def _probe(settings: Settings) -> list[str]:
    """What the owner has to know about the volume.

    Raises:
        BootError: it cannot be written.
    """
    notices = []
    for seen in probe(settings.studio_dir, settings.studio_ids):
        _log(seen.text)
        if seen.aspect == "writable" and not seen.good:
            raise BootError(seen.text)
        if not seen.good:
            notices.append(seen.text)
    return notices


def _find_engines(
    settings: Settings, folders: Folders, environ: Mapping[str, str], notices: list[str]
) -> tuple[Engine, ...]:
    try:
        if folders.engine_fault:
            raise BootError(folders.engine_fault)
        return plan_engines(settings, folders, environ, python=sys.executable, log=_log)
    except BootError as error:
        if not settings.image:
            raise
        _log(f"{error} Studio starts without an engine.")
        notices.append(str(error))
        return ()


def _plan_explanation(settings: Settings, environ: Mapping[str, str], why: str) -> Plan:
    """Studio alone, which only says ``why``: nothing can be stored."""
    _log(f"{why} Studio explains that on its page.")
    log_dir = settings.run_dir / "logs"
    log_dir.mkdir(mode=0o700, exist_ok=True)
    given = {
        "STUDIO_DIR": str(settings.studio_dir),
        "STUDIO_RUN_DIR": str(settings.run_dir),
        "STUDIO_BOOT": json.dumps({"volume_fault": f"{why} Mend that, then start again."}),
    }
    studio = ChildPlan(
        name="studio",
        kind="studio",
        argv=(sys.executable, "-m", "studio", "serve"),
        cwd=settings.app_dir,
        env=studio_environment(environ, given, home=str(settings.run_dir)),
        ids=settings.studio_ids,
    )
    return Plan(
        settings.run_dir,
        log_dir,
        (studio,),
        studio_ids=settings.studio_ids,
        address=settings.address,
    )


def _plan_studio(
    settings: Settings,
    folders: Folders,
    engines: Sequence[Engine],
    environ: Mapping[str, str],
    notices: Sequence[str],
) -> ChildPlan:
    listed = [
        {"name": each.name, "kind": each.kind, "url": each.url}
        | ({"temp_dir": str(each.temp_dir)} if each.temp_dir else {})
        | ({"gpu": each.gpu} if each.gpu else {})
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
        "STUDIO_BOOT": json.dumps({"warnings": list(notices)}),
        "STUDIO_ISOLATION": "1" if settings.isolation else "0",
    }
    if folders.own_model_dir is not None:
        given["STUDIO_OWN_MODEL_DIR"] = str(folders.own_model_dir)
    home = str(settings.studio_dir) if settings.image else None
    volume = None
    if settings.runtime is not None:
        ids = settings.studio_ids
        volume = Volume(
            settings.studio_dir,
            settings.app_dir,
            settings.runtime,
            owner=(ids.uid, ids.gid) if ids else None,
            deadline_s=settings.update_deadline_s,
        )
        # A release brings no bootstrap of its own; what it imports of it is the image's.
        paths = (str(settings.app_dir), environ.get("PYTHONPATH", ""))
        given["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        given["RUNTIME_VERSION"] = str(settings.runtime)
    return ChildPlan(
        name="studio",
        kind="studio",
        argv=(sys.executable, "-m", "studio", "serve"),
        cwd=settings.app_dir,
        env=studio_environment(environ, given, home=home),
        ids=settings.studio_ids,
        volume=volume,
    )


def _plan_staging(settings: Settings, environ: Mapping[str, str]) -> tuple[ChildPlan, ...]:
    """In the image, a volume without a release gets its first one while Studio already works."""
    if not settings.image or not is_due(settings.studio_dir):
        return ()
    commit = (settings.commit,) if settings.commit else ()
    folders = (str(settings.studio_dir), str(settings.app_dir))
    staging = ChildPlan(
        name="staging",
        kind="staging",
        argv=(sys.executable, "-m", "boot.first_release", *folders, *commit),
        cwd=settings.app_dir,
        # It needs no more than an engine does.
        env=engine_environment(environ, home=str(settings.studio_dir)),
        ids=settings.studio_ids,
    )
    return (staging,)


def _log(message: str) -> None:
    print(f"bootstrap: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
