"""Civitai's models as Studio understands them: read field by field from what its API answers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InvalidRequest, SourceError
from studio.paths import safe_relative

FOLDERS: Final[Mapping[str, str]] = {
    # Civitai's types of models, in lower case.
    "checkpoint": "checkpoints",
    "lora": "loras",
    "locon": "loras",
    "dora": "loras",
    "textualinversion": "embeddings",
    "hypernetwork": "hypernetworks",
    "vae": "vae",
    "controlnet": "controlnet",
    "upscaler": "upscale_models",
}
_FILE_FOLDERS: Final[Mapping[str, str]] = {
    # Files of a version that are something else than the version.
    "vae": "vae",
    "unet": "diffusion_models",
    "text encoder": "text_encoders",
    "clip": "text_encoders",
}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TAG: Final = re.compile(r"<[^>]*>")
_MAX_NAME: Final = 200
_MAX_TEXT: Final = 4000
_MAX_WORDS: Final = 40
_MAX_FILES: Final = 50
_MAX_VERSIONS: Final = 200
_MAX_ID: Final = 2**53
JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CivitaiFile:
    """One file of a version; ``about_bytes`` is what Civitai says, which rounds."""

    id: int
    name: str
    type: str
    folder: str | None
    about_bytes: int | None
    sha256: str | None
    format: str | None
    precision: str | None
    size: str | None
    primary: bool
    scanned: bool
    """Civitai's own scans for pickles and viruses found nothing."""


@dataclass(frozen=True, slots=True)
class CivitaiVersion:
    """One version of a model."""

    id: int
    model_id: int
    name: str
    model_name: str
    type: str
    base_model: str | None
    trained_words: tuple[str, ...]
    description: str
    early_access_until: str | None
    downloadable: bool
    nsfw: bool
    files: tuple[CivitaiFile, ...]

    def choose(
        self, file_id: int | None = None, variant: tuple[tuple[str, str], ...] = ()
    ) -> CivitaiFile | None:
        """The file that a reference means: the named one, that of a kind, or the main one."""
        if file_id is not None:
            return next((file for file in self.files if file.id == file_id), None)
        fitting = [file for file in self.files if _fits(file, variant)]
        ranked = sorted(fitting, key=lambda file: (not file.primary, file.type != "Model"))
        return ranked[0] if ranked else None


@dataclass(frozen=True, slots=True)
class CivitaiModel:
    """A model with its versions, the newest first."""

    id: int
    name: str
    type: str
    description: str
    creator: str | None
    license: str | None
    nsfw: bool
    tags: tuple[str, ...]
    taken_down: bool
    versions: tuple[CivitaiVersion, ...]


def read_model(said: JsonObject) -> CivitaiModel:
    """A model as ``/api/v1/models/{id}`` describes it.

    Raises:
        SourceError: it has no id.
    """
    model_id, name = _id(said, "id"), text_of(said.get("name"), _MAX_NAME)
    creator = said.get("creator")
    outer = {"name": name, "type": said.get("type"), "nsfw": said.get("nsfw")}
    versions = said.get("modelVersions")
    return CivitaiModel(
        id=model_id,
        name=name,
        type=text_of(said.get("type"), _MAX_NAME),
        description=plain_text(said.get("description")),
        creator=text_of(creator.get("username"), _MAX_NAME) or None
        if isinstance(creator, dict)
        else None,
        license=license_of(said),
        nsfw=said.get("nsfw") is True,
        tags=words_of(said.get("tags")),
        taken_down=said.get("mode") in ("TakenDown", "Archived"),
        versions=tuple(
            read_version({"modelId": model_id, "model": outer, **version})
            for version in (versions if isinstance(versions, list) else [])[:_MAX_VERSIONS]
            if isinstance(version, dict)
        ),
    )


def read_version(said: JsonObject) -> CivitaiVersion:
    """A version as ``/api/v1/model-versions/{id}`` describes it.

    Raises:
        SourceError: it has no id.
    """
    model = said.get("model")
    model = model if isinstance(model, dict) else {}
    type_ = text_of(model.get("type"), _MAX_NAME)
    files = said.get("files")
    is_early = said.get("availability") == "EarlyAccess"
    until = text_of(said.get("earlyAccessEndsAt"), 40) or ("later" if is_early else None)
    return CivitaiVersion(
        id=_id(said, "id"),
        model_id=_id(said, "modelId"),
        name=text_of(said.get("name"), _MAX_NAME),
        model_name=text_of(model.get("name"), _MAX_NAME),
        type=type_,
        base_model=text_of(said.get("baseModel"), _MAX_NAME) or None,
        trained_words=words_of(said.get("trainedWords")),
        description=plain_text(said.get("description")),
        early_access_until=until if is_early else None,
        downloadable=said.get("usageControl") in (None, "Download"),
        nsfw=model.get("nsfw") is True,
        files=tuple(
            _file(entry, type_)
            for entry in (files if isinstance(files, list) else [])[:_MAX_FILES]
            if isinstance(entry, dict) and _is_id(entry.get("id"))
        ),
    )


def license_of(said: JsonObject) -> str | None:
    """What may be done with a model, as Civitai's four answers say; ``None`` when it says none."""
    use = said.get("allowCommercialUse")
    if use is None:
        return None
    uses = [str(one) for one in use] if isinstance(use, list) else [str(use)]
    sold = ", ".join(words_of(uses)) or "None"
    parts = [f"commercial use: {sold}"]
    if said.get("allowNoCredit") is False:
        parts.append("credit required")
    if said.get("allowDerivatives") is False:
        parts.append("no derivatives")
    if said.get("allowDifferentLicense") is False:
        parts.append("same licence for derivatives")
    return "; ".join(parts)


def text_of(said: Any, most: int) -> str:
    """A text without control characters, shortened; empty for anything else."""
    if not isinstance(said, str):
        return ""
    return "".join(mark if mark.isprintable() else " " for mark in said)[:most].strip()


def plain_text(said: Any) -> str:
    """What somebody wrote in HTML, as text."""
    if not isinstance(said, str):
        return ""
    shortened = said[: 8 * _MAX_TEXT].replace("</p>", "\n").replace("<br", "\n<br")
    lines = html.unescape(_TAG.sub("", shortened)).splitlines()
    return "\n".join(filter(None, (text_of(line, _MAX_TEXT) for line in lines)))[:_MAX_TEXT]


def words_of(said: Any) -> tuple[str, ...]:
    """A list of words, each once."""
    if not isinstance(said, list):
        return ()
    found = (text_of(word, _MAX_NAME).strip(" ,") for word in said[:_MAX_WORDS])
    return tuple(dict.fromkeys(word for word in found if word))


def _file(said: JsonObject, version_type: str) -> CivitaiFile:
    metadata, hashes = said.get("metadata"), said.get("hashes")
    metadata = metadata if isinstance(metadata, dict) else {}
    hashes = hashes if isinstance(hashes, dict) else {}
    sha256 = str(hashes.get("SHA256", "")).lower()
    size, type_ = said.get("sizeKB"), text_of(said.get("type"), _MAX_NAME)
    scans = [said.get("pickleScanResult"), said.get("virusScanResult")]
    return CivitaiFile(
        id=_id(said, "id"),
        name=_safe_name(said.get("name"), _id(said, "id")),
        type=type_,
        folder=_FILE_FOLDERS.get(type_.lower()) or FOLDERS.get(version_type.lower()),
        about_bytes=_bytes(size),
        sha256=sha256 if _SHA256.fullmatch(sha256) else None,
        format=text_of(metadata.get("format"), 40) or None,
        precision=text_of(metadata.get("fp"), 40) or None,
        size=text_of(metadata.get("size"), 40) or None,
        primary=said.get("primary") is True,
        scanned=all(scan == "Success" for scan in scans),
    )


def _bytes(kib: Any) -> int | None:
    return round(kib * 1024) if isinstance(kib, int | float) and 0 < kib < 2**40 else None


def _safe_name(said: Any, file_id: int) -> str:
    """The name of a file, without folders; one of our own when that is none to use."""
    name = text_of(said, _MAX_NAME).replace("\\", "/").rpartition("/")[2]
    try:
        return str(safe_relative(name))
    except InvalidRequest:
        return f"civitai-{file_id}"


def _fits(file: CivitaiFile, variant: tuple[tuple[str, str], ...]) -> bool:
    facts = {"type": file.type, "format": file.format, "size": file.size, "fp": file.precision}
    return all((facts[name] or "").lower() == value.lower() for name, value in variant)


def _is_id(said: Any) -> bool:
    return type(said) is int and 0 < said < _MAX_ID


def _id(said: JsonObject, name: str) -> int:
    found = said.get(name)
    if not _is_id(found):
        raise SourceError("Civitai's answer cannot be read.")
    return int(str(found))
