"""What is told of Civitai's models and pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.clock import iso
from studio.services.civitai_gallery import as_picture
from studio.services.civitai_models import CivitaiFile, CivitaiVersion
from studio.services.civitai_pictures import CivitaiPicture
from studio.services.civitai_recipes import FilledForm
from studio.services.civitai_tools import Offered, SeenModel, SeenPicture, Used
from studio.store.civitai_gallery import KeptPicture
from studio.store.model_files import ModelFile

_MAX_TITLE = 200


def model_body(seen: SeenModel, base_url: str) -> dict[str, Any]:
    model = seen.model
    return {
        "id": model.id,
        "name": model.name,
        "type": model.type,
        "description": model.description,
        "creator": model.creator,
        "license": model.license,
        "nsfw": model.nsfw,
        "tags": model.tags,
        "page": f"{base_url}/models/{model.id}",
        "chosen": seen.chosen,
        "versions": [
            {
                "id": version.id,
                "name": version.name,
                "base_model": version.base_model,
                "trained_words": version.trained_words,
                "description": version.description,
                "early_access_until": version.early_access_until,
                "downloadable": version.downloadable,
                "files": [
                    _file(version, offered, model.license, base_url)
                    for offered in seen.files[version.id]
                ],
            }
            for version in model.versions
        ],
    }


def _file(
    version: CivitaiVersion, offered: Offered, license_: str | None, base_url: str
) -> dict[str, Any]:
    return {
        **asdict(offered.file),
        "here": _here(offered.here),
        "install": None if offered.here is not None else _install(version, offered.file),
        "entry": _entry(version, offered.file, license_, base_url),
    }


def _install(version: CivitaiVersion, file: CivitaiFile) -> dict[str, Any] | None:
    """The body for ``POST /api/downloads``; without a folder when somebody has to choose one."""
    if not version.downloadable:
        return None
    wish = {"reference": f"civitai:{version.id}/{file.id}", "name": file.name}
    return {**wish, **({"folder": file.folder} if file.folder else {}), "sha256": file.sha256}


def _entry(
    version: CivitaiVersion, file: CivitaiFile, license_: str | None, base_url: str
) -> dict[str, Any] | None:
    """The body for ``PUT /api/catalog/{id}``, ``None`` when somebody has to choose a folder."""
    if file.folder is None:
        return None
    page = f"{base_url}/models/{version.model_id}?modelVersionId={version.id}"
    return {
        "id": f"civitai-{version.id}-{file.id}",
        "name": f"{version.model_name} {version.name}".strip()[:_MAX_TITLE] or file.name,
        "folder": file.folder,
        "file": file.name,
        "reference": f"civitai:{version.id}/{file.id}",
        "family": version.base_model,
        "sha256": file.sha256,
        "license": license_,
        # A catalog names pages that everybody can open.
        "page": page if page.startswith("https://") else None,
        "gated": version.early_access_until is not None or None,
        "trigger_words": version.trained_words,
    }


def picture_body(picture: CivitaiPicture, base_url: str) -> dict[str, Any]:
    return {
        "id": picture.id,
        "page": f"{base_url}/images/{picture.id}",
        "kind": picture.kind,
        "width": picture.width,
        "height": picture.height,
        "nsfw": picture.nsfw,
        "nsfw_level": picture.nsfw_level,
        "creator": picture.creator,
        "base_model": picture.base_model,
        "recipe": None if picture.recipe is None else asdict(picture.recipe),
    }


def seen_body(seen: SeenPicture, form: FilledForm | None, base_url: str) -> dict[str, Any]:
    """One picture with what it was made with, and the form that would make another."""
    return {
        **picture_body(seen.picture, base_url),
        "used": [_used(used) for used in seen.used],
        "form": None if form is None else asdict(form),
        "kept": None if seen.kept is None else _kept(seen.kept),
    }


def kept_body(kept: KeptPicture, base_url: str) -> dict[str, Any]:
    """One picture of the gallery."""
    return {**picture_body(as_picture(kept), base_url), "kept": _kept(kept)}


def _kept(kept: KeptPicture) -> dict[str, Any]:
    place = f"/api/civitai/pictures/{kept.id}"
    return {
        "content": f"{place}/content",
        "thumbnail": f"{place}/thumbnail",
        "content_type": kept.content_type,
        "size_bytes": kept.size_bytes,
        "stars": kept.stars,
        "kept_at": iso(kept.kept_at),
    }


def _used(used: Used) -> dict[str, Any]:
    version, file = used.version, used.file
    return {
        "kind": used.resource.kind,
        "name": used.resource.name or (file.name if file is not None else ""),
        "weight": used.resource.weight,
        "state": _state(used),
        "match": used.match,
        "here": _here(used.here),
        "title": None if version is None else f"{version.model_name} {version.name}".strip(),
        "trained_words": () if version is None else version.trained_words,
        "install": None
        if version is None or file is None or used.here is not None
        else _install(version, file),
    }


def _state(used: Used) -> str:
    if used.here is not None:
        return "present"
    return "missing" if used.asked else "unknown"


def _here(file: ModelFile | None) -> dict[str, Any] | None:
    return None if file is None else {"id": file.id, "folder": file.folder, "name": file.name}
