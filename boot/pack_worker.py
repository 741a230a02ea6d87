"""Changes node packs, one plan at a time: ``python -m boot.pack_worker``.

Started by bootstrap as the user of the engines, for what it runs (git, pip, a package's build) is
code that came with a pack. It reads the plan that Studio left in its folder and writes how far it
is; a kill at any moment leaves every pack as it was or as it was to be, once the next run has gone
on with what the journal names.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from boot.pack_disk import is_folder, may_exist, move, open_folder, remove
from boot.pack_requirements import RequirementsFailed, Resolver
from boot.pack_source import SourceFailed, fetch_pack
from boot.packs import (
    OFF,
    PLAN,
    REPORT,
    PackFolders,
    PackPlan,
    PackRecord,
    PackRefused,
    PackReport,
    check_name,
    is_text,
    packages_of,
    read_json,
    read_record,
    record_file,
    write_json,
)

_FULL: Final = "No space left on device"


class WorkFailed(RuntimeError):
    """The plan could not be done.

    Attributes:
        code: ``missing`` when there is no such pack or nothing to go back to.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str]) -> int:
    """Do what the plan says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="boot.pack_worker")
    for name in ("--custom-nodes", "--work", "--python"):
        parser.add_argument(name, required=True)
    given = parser.parse_args(arguments)
    work = Path(given.work)
    try:
        plan = PackPlan.parse(read_json(work / PLAN))
    except PackRefused as refused:
        sys.stderr.write(f"packs: {refused}\n")
        return 2
    return Worker(PackFolders(Path(given.custom_nodes)), work, given.python, plan).run()


class Worker:
    """One plan.

    Args:
        work: where the plan is and the report goes.
        python: the one that runs ComfyUI.
    """

    def __init__(self, folders: PackFolders, work: Path, python: str, plan: PackPlan) -> None:
        self._folders = folders
        self._work = work
        self._python = python
        self._plan = plan
        self._report = PackReport(plan.id)

    def run(self) -> int:
        """Do it and say how it ended."""
        try:
            # A custom node may have closed it, or put something else there.
            open_folder(self._folders.store)
            self._recover()
            getattr(self, f"_{self._plan.action}")()
        except (WorkFailed, SourceFailed, RequirementsFailed) as error:
            full = _FULL in str(error)
            return self._end("disk_full" if full else error.code, str(error))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            return self._end(
                "disk_full" if full else "disk_failed", f"The disk refused: {error.strerror}."
            )
        except Exception as error:  # noqa: BLE001 - whoever waits for the report is told
            traceback.print_exception(error)
            return self._end("internal_error", "The worker failed; the log of packs says why.")
        return self._end("", "")

    def _end(self, code: str, message: str) -> int:
        if code:
            sys.stderr.write(f"packs: {message}\n")
            with contextlib.suppress(OSError, RecursionError):
                # A pack may have been moved in there: only once that is mended it may go.
                self._recover()
                self._clear()
        self._say(self._report.phase, done=True, code=code, message=message)
        return 1 if code else 0

    def _say(self, phase: str, **more: object) -> None:
        self._report = replace(self._report, phase=phase, **more)  # type: ignore[arg-type]
        sys.stdout.write(f"packs: {self._plan.action} {self._plan.name}: {phase}\n")
        sys.stdout.flush()
        write_json(self._work / REPORT, self._report.to_json())

    # -- what a plan can ask for ------------------------------------------------------------------

    def _stage(self) -> None:
        plan, folders = self._plan, self._folders
        self._clear()
        open_folder(folders.staging)
        staged = folders.staged(plan.name)
        environ = {**os.environ, "TMPDIR": str(self._temporary())}
        self._say("fetching")
        commit, notes = fetch_pack(plan.url, plan.ref, staged, environ)
        self._say("checking", commit=commit)
        resolver = Resolver(
            python=self._python,
            work=self._temporary(),
            environ=environ,
            others=self._packages_of_others(),
        )
        chosen, more = resolver.choose(staged / "requirements.txt")
        notes += more
        record_file(staged).parent.mkdir()
        self._say("installing")
        resolver.install(chosen, packages_of(staged))
        record = PackRecord(
            plan.name, plan.url, plan.ref, commit, packages=chosen.packages, notes=tuple(notes)
        )
        remove(self._temporary())
        write_json(record_file(staged), record.to_json())
        os.sync()
        self._say("ready", notes=tuple(notes))

    def _activate(self) -> None:
        staged = self._folders.staged(self._plan.name)
        if read_record(staged) is None:
            raise WorkFailed("missing", "Nothing of this pack is ready.")
        self._note(staged)
        write_json(self._folders.journal, {"action": "activate", "name": self._plan.name})
        self._put_staged(self._plan.name)
        self._finish()

    def _put_staged(self, name: str) -> None:
        folders = self._folders
        if not is_folder(folders.staged(name)):
            return
        present = folders.present(name)
        if present is not None:
            self._keep(name, present)
        move(folders.staged(name), folders.place(name))

    def _remove(self) -> None:
        present = self._present()
        write_json(self._folders.journal, {"action": "remove", "name": self._plan.name})
        self._keep(self._plan.name, present)
        self._finish()

    def _restore(self) -> None:
        """Exchange the pack with what was there before; a removed one simply comes back."""
        name, folders = self._plan.name, self._folders
        if not is_folder(folders.previous(name)):
            raise WorkFailed("missing", "There is nothing to go back to.")
        self._note(folders.previous(name))
        open_folder(folders.staging)
        write_json(folders.journal, {"action": "restore", "name": name})
        present = folders.present(name)
        if present is not None:
            move(present, self._swap(name))
        self._put_previous(name)
        self._finish()

    def _put_previous(self, name: str) -> None:
        folders, swap = self._folders, self._swap(name)
        if folders.present(name) is None and is_folder(folders.previous(name)):
            move(folders.previous(name), folders.place(name))
        if is_folder(swap) and not may_exist(folders.previous(name)):
            move(swap, folders.previous(name))

    def _disable(self) -> None:
        present = self._present()
        self._note(present)
        self._rename(present, self._folders.disabled(self._plan.name))

    def _enable(self) -> None:
        present = self._present()
        self._note(present)
        self._rename(present, self._folders.place(self._plan.name))

    def _rename(self, present: Path, to: Path) -> None:
        if present != to:
            if may_exist(to):
                # Another one of that name, or whatever a custom node put in the way.
                self._keep(self._plan.name, to)
            move(present, to)
        self._finish()

    def _discard(self) -> None:
        self._clear()
        self._say("ready")

    # -- names ------------------------------------------------------------------------------------

    def _present(self) -> Path:
        present = self._folders.present(self._plan.name)
        if present is None:
            raise WorkFailed("missing", "There is no such pack.")
        return present

    def _keep(self, name: str, present: Path) -> None:
        """Move a pack to where it can be brought back from; what was kept before is given up."""
        previous, staging = self._folders.previous(name), self._folders.staging
        open_folder(previous.parent)
        open_folder(staging)
        if may_exist(previous):
            move(previous, staging / f"{name}.old")
        move(present, previous)

    def _swap(self, name: str) -> Path:
        return self._folders.staging / f"{name}.swap"

    def _note(self, pack: Path) -> None:
        """Write down when, and why, a pack changes; one of somebody else's has no record."""
        for folder in (pack, record_file(pack).parent):
            if is_folder(folder):
                open_folder(folder)
        record = read_record(pack)
        if record is not None:
            changed = replace(record, changed_at=time.time(), why=self._plan.why)
            write_json(record_file(pack), changed.to_json())

    def _finish(self) -> None:
        # The names must be on disk before the journal forgets them.
        os.sync()
        remove(self._folders.journal)
        self._clear()
        self._say("ready")

    def _recover(self) -> None:
        """Go on with what a killed run, or one that the disk refused, had begun.

        Raises:
            OSError: the disk refused, and the journal still names it.
        """
        if not may_exist(self._folders.journal):
            return
        said = read_json(self._folders.journal)
        try:
            began = PackPlan.parse({"id": "journal", **said} if isinstance(said, dict) else said)
        except PackRefused:
            # Whoever wrote that: what was moved aside goes back before anything is cleared.
            for swap in self._folders.staging.glob("*.swap"):
                with contextlib.suppress(PackRefused):
                    self._put_previous(check_name(swap.stem))
        else:
            if began.action == "activate":
                self._put_staged(began.name)
            elif began.action == "restore":
                self._put_previous(began.name)
            elif began.action == "remove" and (present := self._folders.present(began.name)):
                self._keep(began.name, present)
        os.sync()
        remove(self._folders.journal)

    def _clear(self) -> None:
        remove(self._folders.staging)

    def _temporary(self) -> Path:
        folder = self._folders.staging / "tmp.old"
        folder.mkdir(exist_ok=True)
        return folder

    def _packages_of_others(self) -> dict[str, tuple[str, str]]:
        found = {}
        for entry in filter(lambda entry: is_text(entry.name), self._folders.root.iterdir()):
            name = entry.name.removesuffix(OFF)
            record = read_record(entry) if name != self._plan.name else None
            for package in record.packages if record is not None else ():
                found[package.name.lower().replace("_", "-")] = (name, package.version)
        return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
