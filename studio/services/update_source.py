"""Which release the repository has, whether it may be taken, and its files. Everything blocks."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from boot.releases import ReleaseUnusable, Version, parse_version, release_name
from studio.clients.git import Git
from studio.clients.git_objects import ObjectReader, is_object_id, object_hash
from studio.errors import StudioError, UpdateRefused
from studio.store.release_tree import (
    VERSION_FILE,
    TreeEntry,
    check_release,
    parse_tree,
    parts_of,
    write_release,
)
from studio.update_settings import UpdateSettings

Trust = Literal["pinned", "signed", "unsigned"]
_TAGS: Final = "refs/tags/"
_HEADS: Final = "refs/heads/"
_PEELED: Final = "^{}"
_CHANGELOG: Final = "CHANGELOG.md"
_HEADING: Final = re.compile(r"^## \[?([^\]\s]+)\]?.*$", re.MULTILINE)
_MAX_CHANGES: Final = 20_000
_MOST_TRIED: Final = 5
"""So many tags are looked at, from the newest on, until one is a release."""
# No number is longer: reading one takes time that grows with the square of it.
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_PRE_PART: Final = re.compile(r"[0-9]{1,18}|[^0-9.]+")
_TAGGED: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*(?:[-+][0-9A-Za-z.+-]*)?$")


@dataclass(frozen=True, slots=True)
class Installed:
    """What runs: its folder, ``release`` on the volume (None is the image's copy), and commit."""

    folder: Path
    release: str | None
    version: Version
    commit: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that was fetched. ``changes`` is what is new in it, as Markdown."""

    ref: str
    tag: str | None
    commit: str
    committed_at: int
    trust: Trust
    version: Version
    parts: Sequence[TreeEntry]
    changes: str
    is_older: bool

    @property
    def release(self) -> str:
        """Its name on the volume."""
        return release_name(self.version.version, self.commit)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the owner takes on purpose: an older release, one that nothing vouches for."""

    older: bool = False
    unsigned: bool = False


class UpdateSource:
    """Finds and judges what ``REPO_URL`` has at ``REPO_REF``."""

    def __init__(self, git: Git, settings: UpdateSettings, installed: Installed) -> None:
        self._git = git
        self._settings = settings
        self._installed = installed

    def find(self) -> Candidate:
        """Fetch what the repository has now.

        Raises:
            StudioError: it cannot be reached, or has nothing that is a release.
        """
        names = self._names()
        for name in names:
            try:
                return self._take(name)
            except UpdateRefused as refused:
                # A tag that leads to no release hides none; one that lies is told.
                if name == names[-1] or refused.details == {"reason": "tag_moved"}:
                    raise
        raise AssertionError("there is at least one name")

    def _take(self, name: str) -> Candidate:
        fetched = self._git.fetch(name)
        if is_object_id(name) and fetched != name:
            raise UpdateRefused("damaged", "The repository sent another commit.")
        with self._git.objects() as objects:
            return self._read(objects, name, fetched)

    def judge(self, found: Candidate, tags: Mapping[str, str], allowed: Allowed) -> None:
        """Refuse what must not be installed.

        Args:
            tags: commits of the tags that were seen before.

        Raises:
            UpdateRefused.
        """
        if self._settings.signers is not None and found.trust == "unsigned":
            raise UpdateRefused(
                "unsigned", f"{found.ref} is not signed by anybody whom REPO_SIGNERS names."
            )
        if found.tag is not None and tags.get(found.tag, found.commit) != found.commit:
            raise UpdateRefused(
                "tag_moved",
                f"The tag {found.tag} was {tags[found.tag][:12]} and is now {found.commit[:12]}. "
                "A tag that moves is no release.",
            )
        if found.version.min_runtime > self._settings.runtime:
            raise UpdateRefused(
                "runtime",
                f"Version {found.version.version} needs a newer image: RUNTIME_VERSION "
                f"{found.version.min_runtime}, and this one has {self._settings.runtime}.",
            )
        if found.is_older and not allowed.older:
            raise UpdateRefused(
                "downgrade",
                f"{found.version.version} ({found.commit[:12]}) is older than what runs.",
            )
        if found.trust == "unsigned" and not allowed.unsigned:
            raise UpdateRefused(
                "unverified",
                f"Nothing vouches for {found.ref}: REPO_SIGNERS names nobody, so whoever can write "
                "to the repository decides what runs here. It must be allowed on purpose.",
            )

    def stage(self, found: Candidate, folder: Path) -> None:
        """Write the release into ``folder``, which is made anew, and hash it from the disk.

        Raises:
            UpdateRefused, DiskFull, StorageUnavailable: the folder is no release.
        """
        shutil.rmtree(folder, ignore_errors=True)
        parts = list(found.parts)
        with self._git.objects() as objects:
            write_release(folder, parts, lambda each, kind: objects.read(each, kind).data)
        check_release(folder, parts, object_hash)

    def committed_at(self, commit: str) -> int | None:
        """When it was committed, in unix seconds; ``None`` when it was never fetched."""
        whole = self._git.expand(commit)
        if whole is None:
            return None
        try:
            with self._git.objects() as objects:
                return _committed_at(objects.read(whole, "commit").field("committer"))
        except StudioError:
            return None

    def _names(self) -> Sequence[str]:
        """What REPO_REF means now, by its full name; of several tags the newest versions first."""
        ref = self._settings.repo_ref
        if is_object_id(ref):
            return (ref,)
        refs = self._git.refs((f"{_TAGS}{ref}", f"{_HEADS}{ref}", f"{_TAGS}{ref}{_PEELED}"))
        names = [name for name in refs if not name.endswith(_PEELED)]
        if "*" in ref:
            return self._newest(names)
        if not names:
            raise UpdateRefused("not_found", f"The repository has no branch or tag {ref}.")
        if len(names) > 1:
            raise UpdateRefused("not_found", f"The repository has a branch and a tag {ref}.")
        return names

    def _newest(self, names: Sequence[str]) -> Sequence[str]:
        """Tags of versions; of pre-releases only where one runs, or REPO_REF asks for them."""
        ref = self._settings.repo_ref
        tags = {name: _version_in(name) for name in names if name.startswith(_TAGS)}
        versions = {name: order(version) for name, version in tags.items() if version}
        runs_one = not order(self._installed.version.version)[1]
        wants_all = runs_one or re.search(r"[0-9*]-", ref) is not None
        found = [name for name, key in versions.items() if key[1] or wants_all]
        if not found:
            more = ", only pre-releases" if versions else ""
            raise UpdateRefused("not_found", f"The repository has no release {ref}{more}.")
        return sorted(found, key=lambda name: versions[name], reverse=True)[:_MOST_TRIED]

    def _read(self, objects: ObjectReader, name: str, fetched: str) -> Candidate:
        tag = name.removeprefix(_TAGS) if name.startswith(_TAGS) else None
        commit, trust = fetched, "pinned" if name == fetched else "unsigned"
        if tag is not None and (signed := self._signed(objects, fetched, tag)):
            commit, trust = signed
        body = objects.read(commit, "commit")
        tree = objects.read(body.field("tree"), "tree")
        root = parse_tree(tree.data, len(commit) // 2)
        files = {entry.name: entry for entry in root}
        parts = parts_of(root)
        try:
            version = parse_version(json.loads(objects.read(files[VERSION_FILE].id, "blob").data))
        except ReleaseUnusable as error:
            raise UpdateRefused("incomplete", f"The release is none: {error}") from error
        except (ValueError, RecursionError) as error:
            raise UpdateRefused(
                "incomplete", f"The release is none: {VERSION_FILE} is not JSON."
            ) from error
        if "*" in self._settings.repo_ref and order(_version_in(name)) != order(version.version):
            raise UpdateRefused("incomplete", f"The tag {tag} holds version {version.version}.")
        committed_at = _committed_at(body.field("committer"))
        changelog = ""
        if _CHANGELOG in files:
            changelog = _text(objects.read(files[_CHANGELOG].id, "blob").data)
        own = self._own(objects)
        return Candidate(
            ref=name.removeprefix(_TAGS).removeprefix(_HEADS),
            tag=tag,
            commit=commit,
            committed_at=committed_at,
            trust="pinned" if trust == "pinned" else "signed" if trust == "signed" else "unsigned",
            version=version,
            parts=parts,
            changes=changes(changelog, self._installed.version.version, own[1]),
            is_older=self._is_older(version.version, committed_at, own[0]),
        )

    def _signed(
        self, objects: ObjectReader, fetched: str, tag: str
    ) -> tuple[str, Literal["signed", "unsigned"]] | None:
        """The commit behind a tag object; None for a tag that is only a name."""
        try:
            said = objects.read(fetched, "tag")
        except UpdateRefused:
            return None
        commit = said.field("object")
        if said.field("tag") != tag or said.field("type") != "commit" or not is_object_id(commit):
            raise UpdateRefused("tag_moved", f"The tag {tag} belongs to another release.")
        signers = self._settings.signers
        is_signed = signers is not None and self._git.is_signed(fetched, signers)
        return commit, "signed" if is_signed else "unsigned"

    def _own(self, objects: ObjectReader) -> tuple[int | None, str | None]:
        """When what runs was committed, and its changelog, where the repository here has it."""
        commit = self._git.expand(self._installed.commit) if self._installed.commit else None
        if commit is None:
            return None, None
        try:
            body = objects.read(commit, "commit")
            tree = parse_tree(objects.read(body.field("tree"), "tree").data, len(commit) // 2)
            log = next((entry for entry in tree if entry.name == _CHANGELOG), None)
            text = None if log is None else _text(objects.read(log.id, "blob").data)
        except UpdateRefused:
            return None, None
        return _committed_at(body.field("committer")), text

    def _is_older(self, version: str, committed_at: int, own_at: int | None) -> bool:
        new, own = order(version), order(self._installed.version.version)
        return new < own or (new == own and own_at is not None and committed_at < own_at)


Order = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def order(version: str) -> Order:
    """A key that sorts versions: numbers by their value, and a pre-release before its release."""
    plain, _, pre = version.lstrip("vV").partition("+")[0].partition("-")
    numbers = [int(part) for part in _NUMBER.findall(plain)]
    while numbers and not numbers[-1]:
        numbers.pop()
    parts = (
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in _PRE_PART.findall(pre)
    )
    return tuple(numbers), not pre, tuple(parts)


def _version_in(tag: str) -> str:
    """The version that a tag names; empty when it names none."""
    found = _TAGGED.search(tag.removeprefix(_TAGS))
    return found[0] if found else ""


def changes(new: str, version: str, old: str | None) -> str:
    """What a changelog says that is newer than ``version``; of the same version, its new lines."""
    headings = list(_HEADING.finditer(new))
    ends = [heading.start() for heading in headings[1:]] + [len(new)]
    newer = [
        new[heading.start() : end].strip()
        for heading, end in zip(headings, ends, strict=True)
        if not heading[1][0].isdigit() or order(heading[1]) > order(version)
    ]
    if not newer and old is not None:
        known = set(old.splitlines())
        newer = [line for line in new.splitlines() if line.strip() and line not in known]
        return "\n".join(newer)[:_MAX_CHANGES]
    return "\n\n".join(newer)[:_MAX_CHANGES]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _committed_at(committer: str) -> int:
    found = re.search(r" (\d{1,12}) [+-]\d{4}$", committer)
    return int(found[1]) if found else 0
