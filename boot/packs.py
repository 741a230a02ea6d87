"""Node packs on the volume: where they lie, what is written about them, what may be asked.

A pack is a folder in ``CUSTOM_NODES_DIR``: its code, and below ``.pack`` the packages that it needs
beyond ComfyUI's own and a record of where both came from. So one rename brings or takes all of it.
Beside the packs lies ``.packs.disabled``: ComfyUI passes over names with that end. What is being
made ready is there, and of each pack the state before its last change.

Studio, bootstrap and the worker share this module. Whatever it reads may have been written by a
custom node, which can be anybody's code.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from boot.pack_disk import is_folder, remove

CHILD: Final = "packs"
"""The name under which bootstrap starts the worker."""
WORK_FOLDER: Final = "packs"
"""In ``ENGINE_DIR``: the plan that Studio writes and the report that the worker writes."""
PLAN: Final = "plan.json"
REPORT: Final = "report.json"
OFF: Final = ".disabled"
STORE: Final = f".packs{OFF}"
ACTIONS: Final = ("stage", "activate", "remove", "restore", "disable", "enable", "discard")

_MAX_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_RESERVED: Final = (OFF, ".py", ".git", ".swap", ".old")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~][A-Za-z0-9._~-]*){1,8}/?")
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PACKAGE: Final = ("name", "version")
_LATEST_S: Final = 1e11
"""Unix seconds in the year 5138: no pack changes later."""


class PackRefused(ValueError):
    """A plan, a name or an address that is not possible; the message says why."""


def check_name(name: str) -> str:
    """The name, if a pack's folder may be called so.

    Raises:
        PackRefused: it may not.
    """
    if not _NAME.fullmatch(name) or name.lower().endswith(_RESERVED) or ".." in name:
        raise PackRefused("A pack's name has 1 to 80 letters, digits, dots, dashes, underscores.")
    return name


def check_url(url: str) -> str:
    """The address of a repository, if git may be given it.

    Raises:
        PackRefused: it may not.
    """
    wrong = PackRefused(
        "A repository's address is like https://github.com/name/pack, without a user name, a "
        "password or anything behind the path."
    )
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise wrong from None
    if len(url) > 300 or parts.scheme not in ("https", "http") or not parts.hostname:
        raise wrong
    if "@" in parts.netloc or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise wrong
    if f"{parts.scheme}://{parts.netloc}{parts.path}" != url:
        raise wrong
    return url


def check_ref(ref: str) -> str:
    """A branch, tag or commit; empty for whatever the repository offers first.

    Raises:
        PackRefused: it cannot be one.
    """
    if ref and (not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", "."))):
        raise PackRefused("That is no name of a branch, a tag or a commit.")
    return ref


def is_commit(text: str) -> bool:
    """Whether that is the whole name of a commit."""
    return bool(_COMMIT.fullmatch(text))


def name_of(url: str) -> str:
    """What a pack from there is called.

    Raises:
        PackRefused: its last part cannot be a pack's name.
    """
    return check_name(urlsplit(url).path.rstrip("/").rpartition("/")[2].removesuffix(".git"))


@dataclass(frozen=True)
class PackPlan:
    """What the worker is to do. ``why`` is kept with a pack that is disabled."""

    id: str
    action: str
    name: str = ""
    url: str = ""
    ref: str = ""
    why: str = ""

    @classmethod
    def parse(cls, said: Any) -> PackPlan:
        """Read one.

        Raises:
            PackRefused: it is none, or asks for what is not possible.
        """
        if not isinstance(said, dict) or not all(isinstance(v, str) for v in said.values()):
            raise PackRefused("The plan cannot be read.")
        try:
            plan = cls(**said)
        except TypeError:
            raise PackRefused("The plan has other fields.") from None
        if plan.action not in ACTIONS or not _ID.fullmatch(plan.id):
            raise PackRefused("The plan asks for something unknown.")
        if plan.action != "discard":
            check_name(plan.name)
        if plan.action == "stage":
            check_url(plan.url)
            check_ref(plan.ref)
        return plan


@dataclass(frozen=True)
class Package:
    """A Python package that a pack brought, at exactly that version."""

    name: str
    version: str


@dataclass(frozen=True)
class PackRecord:
    """What is known of a pack that Studio installed.

    Attributes:
        ref: the branch or tag that an update follows, or the commit that was asked for.
        changed_at: unix seconds when it came into its place, or went.
        why: why it is disabled; empty when somebody wanted it so.
        notes: what its owner should know, such as what was not done.
    """

    name: str
    url: str
    ref: str
    commit: str
    changed_at: float = 0.0
    packages: tuple[Package, ...] = ()
    notes: tuple[str, ...] = ()
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        packages = [{"name": each.name, "version": each.version} for each in self.packages]
        return {**self.__dict__, "packages": packages, "notes": list(self.notes)}

    @classmethod
    def parse(cls, said: Any) -> PackRecord | None:
        """Read one; ``None`` when that is none."""
        if not isinstance(said, dict):
            return None
        texts = {key: said.get(key, "") for key in ("name", "url", "ref", "commit", "why")}
        if not all(is_text(text) and len(text) <= 500 for text in texts.values()):
            return None
        at = said.get("changed_at")
        if isinstance(at, bool) or not isinstance(at, (int, float)):
            return None
        # Neither is true of what is no number.
        if not 0 <= at < _LATEST_S or not is_commit(texts["commit"]):
            return None
        try:
            check_url(texts["url"])
        except PackRefused:
            return None
        return cls(
            **texts,
            changed_at=float(at),
            packages=tuple(_packages(said.get("packages"))),
            notes=tuple(_notes(said.get("notes"))),
        )


def is_text(said: Any) -> TypeGuard[str]:
    """Whether that is text that can be written down: JSON and names on disk can have half a
    character."""
    try:
        return isinstance(said, str) and said.encode() is not None
    except UnicodeEncodeError:
        return False


def _packages(said: Any) -> Iterator[Package]:
    for each in said[:500] if isinstance(said, list) else ():
        name, version = (each.get(key) if isinstance(each, dict) else None for key in _PACKAGE)
        if is_text(name) and is_text(version):
            yield Package(name[:100], version[:100])


def _notes(said: Any) -> Iterator[str]:
    return (note[:500] for note in (said[:20] if isinstance(said, list) else ()) if is_text(note))


@dataclass(frozen=True)
class PackFolders:
    """Every path that has to do with packs."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / STORE

    @property
    def staging(self) -> Path:
        return self.store / "staging"

    @property
    def journal(self) -> Path:
        """Says which change of names was under way."""
        return self.store / "journal.json"

    def staged(self, name: str) -> Path:
        return self.staging / name

    def previous(self, name: str) -> Path:
        return self.store / "previous" / name

    def place(self, name: str) -> Path:
        return self.root / name

    def disabled(self, name: str) -> Path:
        return self.root / f"{name}{OFF}"

    def present(self, name: str) -> Path | None:
        """Where the pack is, enabled or not."""
        places = (self.place(name), self.disabled(name))
        return next((each for each in places if is_folder(each)), None)


def packages_of(pack: Path) -> Path:
    """Where the packages of the pack in that folder lie."""
    return pack / ".pack" / "packages"


def record_file(pack: Path) -> Path:
    """The record of the pack in that folder."""
    return pack / ".pack" / "record.json"


def read_record(pack: Path) -> PackRecord | None:
    """The record of the pack in that folder; ``None`` when Studio did not install it."""
    return PackRecord.parse(read_json(record_file(pack)))


@dataclass(frozen=True)
class PackReport:
    """How far the worker is with the plan ``id``."""

    id: str
    phase: str = ""
    done: bool = False
    code: str = ""
    message: str = ""
    commit: str = ""
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {**self.__dict__, "notes": list(self.notes)}

    @classmethod
    def parse(cls, said: Any) -> PackReport | None:
        """Read one; ``None`` when that is none."""
        if not isinstance(said, dict):
            return None
        texts = {key: said.get(key) for key in ("id", "phase", "code", "message", "commit")}
        if not all(is_text(text) for text in texts.values()):
            return None
        return cls(
            **{key: str(text)[:4000] for key, text in texts.items()},
            done=said.get("done") is True,
            notes=tuple(_notes(said.get("notes"))),
        )


def read_json(path: Path) -> Any:
    """What stands in a small plain file; ``None`` when there is none that can be read.

    No link is followed and nothing is waited for: a custom node may have put anything there.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        data = os.read(handle, _MAX_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    try:
        return json.loads(data) if len(data) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        return None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace ``path``, so that a reader or a crash sees the old file or the new one.

    Raises:
        OSError: the disk refused.
    """
    new = path.with_name(f".{path.name}.new")
    for name in (new, path) if is_folder(path) else (new,):
        remove(name)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o664)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
