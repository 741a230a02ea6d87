"""The folders that must exist before a child starts, each owned by who may write there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boot.control import check_path
from boot.descent import close_to_others, open_folder, open_to_all
from boot.hold import SOCKET_NAME
from boot.language import WORK_FOLDER as LANGUAGE_FOLDER
from boot.model_paths import write_model_paths
from boot.packs import WORK_FOLDER
from boot.plan import BootError, Ids
from boot.settings import Settings

_ENGINE_FOLDERS: Final = (
    *("input", "output", "temp", "user", "custom_nodes", WORK_FOLDER, LANGUAGE_FOLDER),
)


@dataclass(frozen=True)
class Folders:
    """What was prepared.

    ``own_model_dir`` is where downloads go when ``MODEL_DIR`` is read-only, else None;
    ``engine_fault`` is why no engine can be started in its folders, empty when one can.
    ``notices`` are for the owner.
    """

    log_dir: Path
    model_paths: Path
    own_model_dir: Path | None
    engine_fault: str = ""
    notices: tuple[str, ...] = ()


class OwnersRefused(BootError):
    """The volume gives a folder to nobody else, not even when root asks."""


def prepare_run_dir(settings: Settings) -> None:
    """Make the folder of the sockets: private, nobody else's, and not to be moved away.

    Raises:
        BootError: its name is too long, it is a link, another user owns it, or could replace it.
    """
    run_dir = settings.run_dir
    check_path(run_dir / SOCKET_NAME)
    owners = {os.geteuid()}
    if settings.studio_ids is not None:
        owners.add(settings.studio_ids.uid)
    hint = "Remove it or set STUDIO_RUN_DIR to another folder."
    try:
        run_dir.parent.mkdir(parents=True, exist_ok=True)
        if settings.isolation:
            _keep_in_place(run_dir)
        run_dir.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if run_dir.is_symlink():
            raise BootError(f"{run_dir} is a symbolic link. {hint}") from None
        raise BootError(f"The folder {run_dir} cannot be used: {error.strerror}. {hint}") from None
    try:
        owner = os.fstat(handle).st_uid
        if settings.image and owner == 0 != os.geteuid() and os.access(run_dir, os.W_OK | os.X_OK):
            # A mount that was made for the container's one user, who cannot change it.
            return
        if owner not in owners:
            raise BootError(f"{run_dir} belongs to another user. {hint}")
        os.fchmod(handle, 0o700)
        if settings.studio_ids is not None:
            os.fchown(handle, settings.studio_ids.uid, settings.studio_ids.gid)
    finally:
        os.close(handle)


def _keep_in_place(folder: Path) -> None:
    """Above ``folder`` others may rename only what is their own, as in ``/tmp``.

    A custom node could else move it away and be Studio's folder of sockets from the next start on.
    """
    for above in open_to_all(folder):
        if not close_to_others(above):
            raise BootError(
                f"Everybody may rename what is in {above}, and that cannot be changed here. Set "
                "STUDIO_RUN_DIR to a folder elsewhere."
            )


def prepare_folders(settings: Settings) -> Folders:
    """Make every other folder and write ``extra_model_paths.yaml``.

    Raises:
        OwnersRefused: no folder can be given to the user that needs it.
        BootError: a folder that Studio needs cannot be made or written.
    """
    try:
        log_dir = _prepare_studio_dir(settings)
        _prepare_shared(settings)
        own_model_dir = _own_model_dir(settings)
    except OSError as error:
        raise BootError(
            f"The folder {error.filename} cannot be prepared: {error.strerror}."
        ) from None
    model_paths = settings.engine_dir / "extra_model_paths.yaml"
    fault = _prepare_engine_dir(settings, own_model_dir)
    return Folders(log_dir, model_paths, own_model_dir, fault, tuple(_close_above(settings)))


def _close_above(settings: Settings) -> Iterator[str]:
    """Keep custom nodes from putting folders of their own in place of ours."""
    if not settings.isolation:
        return
    found = {*open_to_all(settings.studio_dir), *open_to_all(settings.engine_dir)}
    for folder in sorted(found):
        if not close_to_others(folder):
            yield (
                f"Everybody may rename what is in {folder}, and that cannot be changed here: a "
                "custom node could put a folder of its own in place of Studio's. Take that right "
                "away."
            )


def one_user(settings: Settings) -> Ids | None:
    """Who does everything where owners cannot be changed: STUDIO_DIR's, None when that is root."""
    facts = settings.studio_dir.stat()
    return Ids(facts.st_uid, facts.st_gid, (facts.st_gid,)) if facts.st_uid else None


def _prepare_studio_dir(settings: Settings) -> Path:
    _refuse_engines_own(settings)
    _hand_over(settings.studio_dir, settings.studio_ids, mode=0o700)
    log_dir = settings.studio_dir / "logs"
    if log_dir.is_symlink():
        raise BootError(f"{log_dir} is a symbolic link; remove it.")
    _as_user(settings.studio_ids, lambda: log_dir.mkdir(mode=0o700, exist_ok=True))
    if not log_dir.is_dir():
        ids = settings.studio_ids
        if ids is not None and (closed := _closed_above(settings.studio_dir, ids)) is not None:
            raise BootError(
                f"The folder {closed} lets nobody through but its owner: what is mounted there"
                " needs 'chmod a+x', or the container that owner as --user."
            )
        raise BootError(f"The folder {log_dir} cannot be made.")
    return log_dir


def _refuse_engines_own(settings: Settings) -> None:
    """What an engine made is no state of Studio's, wherever it lies."""
    if settings.studio_ids is None or settings.engine_ids is None:
        return
    with contextlib.suppress(FileNotFoundError):
        if settings.studio_dir.lstat().st_uid == settings.engine_ids.uid:
            raise BootError(
                f"{settings.studio_dir} belongs to the engines' user {settings.engine_ids.uid}, so "
                "a custom node may have put it there. Look for Studio's folder, or give this one "
                f"to user {settings.studio_ids.uid} if you trust what is in it."
            )


def _closed_above(folder: Path, ids: Ids) -> Path | None:
    """The outermost folder above ``folder`` whose mode keeps the user out."""
    for parent in reversed(folder.parents):
        facts = parent.stat()
        if facts.st_uid == ids.uid:
            needed = stat.S_IXUSR
        elif facts.st_gid in ids.groups:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not facts.st_mode & needed:
            return parent
    return None


def _prepare_shared(settings: Settings) -> None:
    """Folders that may be shared with others: made when missing, otherwise left as they are.

    In the image the default ones are Studio's own.
    """
    for name, folder in (
        ("MODEL_DIR", settings.model_dir),
        ("CACHE_DIR", settings.cache_dir),
        ("LLM_DIR", settings.llm_dir),
    ):
        if name in settings.given_folders and folder.is_dir():
            continue
        try:
            _hand_over(folder, settings.studio_ids, mode=0o755)
        except (OSError, OwnersRefused):
            # A volume that is read-only or keeps its owners can still be read.
            if not folder.is_dir() or folder.is_symlink():
                raise


def _own_model_dir(settings: Settings) -> Path | None:
    """A place for downloads that the engine can read, when MODEL_DIR takes none."""
    model_dir = settings.model_dir

    def check() -> None:
        if not os.access(model_dir, os.W_OK | os.X_OK):
            raise PermissionError(f"{model_dir} is read-only")

    try:
        writable = _as_user(settings.studio_ids, check)
    except PermissionError:
        writable = False
    if writable:
        return None
    # Another user cannot reach into STUDIO_DIR, which is private to Studio.
    base = settings.engine_dir if settings.isolation else settings.studio_dir
    return base / "models"


def _prepare_engine_dir(settings: Settings, own_model_dir: Path | None) -> str:
    """Why it failed, or "": a custom node may do anything there, which costs the engine alone."""
    try:
        _hand_over(settings.engine_dir, settings.engine_ids, mode=0o2770)
        done = _as_user(settings.engine_ids, lambda: _prepare_engine(settings, own_model_dir))
    except OSError as error:
        return f"The engine's folder {error.filename} cannot be prepared: {error.strerror}."
    return "" if done else f"The engine's folders in {settings.engine_dir} cannot be prepared."


def _prepare_engine(settings: Settings, own_model_dir: Path | None) -> None:
    for name in _ENGINE_FOLDERS:
        (settings.engine_dir / name).mkdir(exist_ok=True)
    if not settings.custom_nodes_dir.is_dir():
        settings.custom_nodes_dir.mkdir(parents=True)
    if own_model_dir is not None:
        own_model_dir.mkdir(exist_ok=True)
    write_model_paths(
        settings.engine_dir / "extra_model_paths.yaml",
        # The engine puts later folders first.
        model_dirs=[settings.model_dir, *([own_model_dir] if own_model_dir else [])],
        cache_dir=settings.cache_dir,
        custom_nodes_dir=settings.custom_nodes_dir,
        comfyui_dir=settings.comfyui_dir,
    )


def _hand_over(folder: Path, ids: Ids | None, *, mode: int) -> None:
    """Make ``folder``; with ``ids`` give it and what is in it to them, where that is not so yet.

    Raises:
        OwnersRefused: the folder keeps its owner.
    """
    if ids is None:
        folder.mkdir(parents=True, exist_ok=True, mode=mode & 0o777)
        return
    handle = open_folder(folder, mode=mode & 0o777)
    try:
        facts = os.fstat(handle)
        if facts.st_uid == ids.uid:
            if facts.st_mode & mode != mode:
                # Where modes are fixed too, whoever works there says whether that is enough.
                with contextlib.suppress(OSError):
                    os.fchmod(handle, mode)
            _mend(handle, ids)
            return
        for _path, folders, files, inside in os.fwalk(".", dir_fd=handle):
            for name in (*folders, *files):
                with contextlib.suppress(OSError):
                    _give(name, inside, ids)
        try:
            os.fchown(handle, ids.uid, ids.gid)
            os.fchmod(handle, mode)
        except OSError as error:
            raise OwnersRefused(f"{folder} keeps its owner: {error.strerror}.") from None
    finally:
        os.close(handle)


def _mend(folder: int, ids: Ids) -> None:
    """Give back what root made in a folder that is theirs, by a command in the container.

    Two levels deep, and deeper in what root made there: pictures are many.
    """
    for path, folders, files, inside in os.fwalk(".", dir_fd=folder):
        wrong = set()
        for name in (*folders, *files):
            # It may be gone again; what cannot be given is told by whoever needs it.
            with contextlib.suppress(OSError):
                if os.stat(name, dir_fd=inside, follow_symlinks=False).st_uid != ids.uid:
                    wrong.add(name)
                    _give(name, inside, ids)
        if path != ".":
            folders[:] = [name for name in folders if name in wrong]


def _give(name: str, inside: int, ids: Ids) -> None:
    """Whoever may write here could let a name lead elsewhere.

    So only what is open changes hands, and only if it has no other name.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=inside)
    try:
        facts = os.fstat(handle)
        if stat.S_ISDIR(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1):
            os.fchown(handle, ids.uid, ids.gid)
    finally:
        os.close(handle)


def _as_user(ids: Ids | None, work: Callable[[], None]) -> bool:
    """Do ``work`` with the rights of ``ids``: root must not follow what others may have planted.

    Without ``ids`` it is done in this process, and what it raises is the caller's.

    Returns:
        False when it failed under another user, which told the console why.
    """
    if ids is None:
        work()
        return True
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups(ids.groups)
            os.setgid(ids.gid)
            os.setuid(ids.uid)
            os.umask(0o002)
            work()
            code = 0
        except OSError as error:
            os.write(2, f"bootstrap: {error}\n".encode())
        finally:
            os._exit(code)
    _pid, wait_status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(wait_status) == 0
