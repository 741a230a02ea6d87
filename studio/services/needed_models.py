"""Models that a workflow names: what is known of each, and what would bring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from studio.errors import InvalidRequest
from studio.graphs.declarations import ObjectInfo, declared_inputs
from studio.paths import safe_relative
from studio.remote import Wish
from studio.services.catalog_entries import Entry, is_reference
from studio.store.model_files import ModelFile
from studio.store.model_roots import ALIASES

PRESENT: Final = "present"
ELSEWHERE: Final = "elsewhere"
DIFFERENT: Final = "different"
DAMAGED: Final = "damaged"
MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class Offer:
    """One place to have a model from.

    ``source`` is ``workflow``, ``catalog`` or a hub's name; ``match`` says why it is offered:
    ``said`` (the workflow names it), ``hash`` or ``name``. ``title`` is what it is called there.
    """

    source: str
    match: str
    reference: str
    folder: str | None = None
    name: str = ""
    title: str = ""
    sha256: str | None = None
    size_bytes: int | None = None
    license: str | None = None
    page: str | None = None
    gated: bool | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One model file that a workflow names.

    ``state`` is ``present``, ``elsewhere`` (it is there under another name or in another folder:
    ``found`` and ``match``), ``different`` (a file of that name with other bytes), ``damaged`` or
    ``missing``. ``disagree`` when two sources say different hashes of it.
    """

    file: str
    folder: str | None
    used_by: tuple[tuple[str, str], ...]
    state: str
    sha256: str | None = None
    found: ModelFile | None = None
    match: str | None = None
    offers: tuple[Offer, ...] = ()
    install: Wish | None = None
    disagree: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """All models of a workflow, and which hubs could not be asked: (code, message)."""

    models: tuple[Need, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> list[Need]:
        return [need for need in self.models if need.state != PRESENT]


@dataclass(slots=True)
class Required:
    """What is known of a model file before anybody is asked."""

    file: str
    folder: str | None = None
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    used_by: list[tuple[str, str]] = field(default_factory=list)


def with_offers(need: Need, offers: Sequence[Offer]) -> Need:
    # A name alone installs nothing by itself: somebody chooses among what is shown.
    sure = [offer for offer in offers if offer.match == "hash"]
    return replace(
        need,
        offers=(*need.offers, *offers),
        install=need.install or wish_for(need.file, need.folder, sure, state=need.state),
    )


def from_manifest(listed: Sequence[Mapping[str, Any]]) -> list[Required]:
    """One for each file of a folder, with every place that names it."""
    found: dict[tuple[str | None, str], Required] = {}
    for model in listed:
        file = str(model["file"]).replace("\\", "/")
        if not is_safe(file):
            continue
        directory = model.get("directory")
        folder = _split(directory)[0] if isinstance(directory, str) else None
        required = found.setdefault((folder, file), Required(file, folder))
        required.url = required.url or model.get("url")
        required.sha256 = required.sha256 or model.get("sha256")
        required.size_bytes = required.size_bytes or model.get("size")
        place = (str(model["class"]), str(model["input"]))
        if place not in required.used_by:
            required.used_by.append(place)
    return list(found.values())


def from_list(name: str, facts: Mapping[str, str]) -> Required:
    directory = facts.get("directory")
    folder, below = _split(directory) if directory else (None, "")
    return Required(below + name, folder, facts.get("url"), facts.get("sha256"))


def _split(directory: str) -> tuple[str, str]:
    """The type's folder, and what a name in it begins with: a directory may go deeper."""
    first, _, rest = directory.partition("/")
    return ALIASES.get(first, first), f"{rest}/" if rest else ""


def is_safe(name: str) -> bool:
    try:
        safe_relative(name)
    except InvalidRequest:
        return False
    return True


def known_offers(
    wanted: Required, folder: str | None, listed: tuple[Entry, str] | None
) -> list[Offer]:
    offers = []
    if wanted.url and is_reference(wanted.url):
        offers.append(
            Offer(
                source="workflow",
                match="said",
                reference=wanted.url,
                folder=folder,
                name=wanted.file,
                title=wanted.file,
                sha256=wanted.sha256,
                size_bytes=wanted.size_bytes,
            )
        )
    if listed is not None:
        entry, match = listed
        offers.append(
            Offer(
                source="catalog",
                match=match,
                reference=entry.reference,
                folder=entry.folder,
                name=wanted.file,
                title=entry.name,
                sha256=entry.sha256,
                size_bytes=entry.size_bytes,
                license=entry.license,
                page=entry.page,
                gated=entry.gated,
            )
        )
    return offers


def wish_for(
    file: str, folder: str | None, offers: Sequence[Offer], *, state: str = MISSING
) -> Wish | None:
    """What to ask for: under the name and in the folder that the workflow expects.

    A damaged file lies there; only the owner may have it replaced.
    """
    for offer in offers:
        place = folder or offer.folder
        if place is not None:
            return Wish(
                reference=offer.reference,
                folder=place,
                name=file,
                sha256=offer.sha256,
                size_bytes=offer.size_bytes,
                replace=state == DAMAGED,
            )
    return None


def lists_file(info: ObjectInfo, class_type: str, name: str, file: str) -> bool:
    return any(
        isinstance(choice, str) and choice.replace("\\", "/") == file
        for declared in declared_inputs(info.get(class_type), {name: ""})
        if declared.name == name
        for choice in declared.choices
    )


def wish_body(wish: Wish) -> dict[str, Any]:
    """A wish as ``POST /api/downloads`` takes it."""
    said = {
        "reference": wish.reference,
        "folder": wish.folder,
        "name": wish.name,
        "sha256": wish.sha256,
        "size_bytes": wish.size_bytes,
        "replace": wish.replace or None,
    }
    return {name: value for name, value in said.items() if value is not None}
