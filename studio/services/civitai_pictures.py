"""Pictures at Civitai: what they are, and how somebody says that they were made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import SourceError, SourceGone
from studio.services.civitai_models import text_of

_MAX_PROMPT: Final = 10_000
_MAX_NAME: Final = 200
_MAX_RESOURCES: Final = 32
_MAX_ID: Final = 2**53
_MAX_SEED: Final = 2**64 - 1
_MAX_SIDE: Final = 32_768
_MAX_VERSIONS: Final = 64
EVERYBODY: Final = 1
"""The level of what may be shown to everybody."""
_UNRATED: Final = 32
_LEVELS: Final = {"none": EVERYBODY, "soft": 2, "mature": 4, "x": 8}
"""Civitai's older words, as the numbers that it has now."""
_SIZE: Final = re.compile(r"(\d{2,5})\s*x\s*(\d{2,5})", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{8,64}")
_EMBEDDING: Final = re.compile(r"embedding:([\w./-]{1,200})")
_KINDS: Final[Mapping[str, str]] = {
    "model": "checkpoint",
    "checkpoint": "checkpoint",
    "lora": "lora",
    "locon": "lora",
    "lycoris": "lora",
    "dora": "lora",
    "embed": "embedding",
    "embedding": "embedding",
    "textualinversion": "embedding",
    "vae": "vae",
    "controlnet": "controlnet",
    "upscaler": "upscaler",
}
_SCHEDULERS: Final = {
    "karras": "karras",
    "exponential": "exponential",
    "sgm uniform": "sgm_uniform",
    "simple": "simple",
    "beta": "beta",
    "normal": "normal",
    "ddim uniform": "ddim_uniform",
}
_SAMPLERS: Final = {
    # What other programs call the samplers that ComfyUI has.
    "euler": "euler",
    "euler a": "euler_ancestral",
    "heun": "heun",
    "lms": "lms",
    "ddim": "ddim",
    "ddpm": "ddpm",
    "unipc": "uni_pc",
    "lcm": "lcm",
    "dpm2": "dpm_2",
    "dpm2 a": "dpm_2_ancestral",
    "dpm fast": "dpm_fast",
    "dpm adaptive": "dpm_adaptive",
    "dpm++ 2s a": "dpmpp_2s_ancestral",
    "dpm++ 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_sde",
    "dpm++ 2m sde": "dpmpp_2m_sde",
    "dpm++ 3m sde": "dpmpp_3m_sde",
    "res multistep": "res_multistep",
}
JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A model that a picture says it was made with; whatever it does not say is ``None``."""

    kind: str
    name: str
    hash: str | None = None
    weight: float | None = None
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a picture was made, in ComfyUI's words; what it does not say is ``None``."""

    prompt: str
    negative: str
    seed: int | None
    steps: int | None
    cfg: float | None
    sampler_name: str | None
    scheduler: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class CivitaiPicture:
    """One picture or film of Civitai's gallery."""

    id: int
    url: str
    kind: str
    """``image``, ``video`` or ``audio``."""
    width: int | None
    height: int | None
    nsfw_level: int
    """By Civitai's numbers: 1 is for everybody, what is not rated has the highest."""
    creator: str | None
    base_model: str | None
    recipe: Recipe | None
    resources: tuple[Resource, ...]
    version_ids: tuple[int, ...] = ()
    """Of the models that it was made with."""

    @property
    def nsfw(self) -> bool:
        return self.nsfw_level > EVERYBODY


def page_query(
    version_id: int, *, cursor: str | None, limit: int, nsfw: bool
) -> dict[str, str | int]:
    """What Civitai is asked for a page of what people made with a version."""
    asked: dict[str, str | int] = {"modelVersionId": version_id, "limit": limit}
    if cursor is not None:
        asked["cursor"] = cursor
    if not nsfw:
        asked["nsfw"] = "None"
    return asked


def read_pictures(said: Sequence[JsonObject], *, nsfw: bool) -> list[CivitaiPicture]:
    """The pictures of a page, each once; those that are not for everybody only when asked for."""
    found: dict[int, CivitaiPicture] = {}
    for entry in said:
        try:
            picture = read_picture(entry)
        except SourceError:
            continue
        # Asked for or not, a page can hold what it was asked to leave out.
        if nsfw or not picture.nsfw:
            found.setdefault(picture.id, picture)
    return list(found.values())


def find_picture(said: Sequence[JsonObject], picture_id: int) -> CivitaiPicture:
    """One picture of an answer.

    Raises:
        SourceGone: it is not in it.
    """
    for picture in read_pictures(said, nsfw=True):
        if picture.id == picture_id:
            return picture
    raise SourceGone("That picture is not at Civitai, or it is not shown to everybody.")


def read_picture(said: JsonObject) -> CivitaiPicture:
    """A picture as ``/api/v1/images`` describes it.

    Raises:
        SourceError: it has no id or no address.
    """
    url, picture_id = said.get("url"), _whole(said.get("id"), 1, _MAX_ID)
    if picture_id is None or not isinstance(url, str) or len(url) > 2000:
        raise SourceError("Civitai's answer cannot be read.")
    meta = said.get("meta")
    # What was asked for with all fields can lie one step deeper.
    inner = meta.get("meta") if isinstance(meta, dict) else None
    found = inner if isinstance(inner, dict) else meta if isinstance(meta, dict) else {}
    kind = said.get("type")
    return CivitaiPicture(
        id=picture_id,
        url=url,
        kind=kind if kind in ("image", "video", "audio") else "image",
        width=_whole(said.get("width"), 1, _MAX_SIDE),
        height=_whole(said.get("height"), 1, _MAX_SIDE),
        nsfw_level=_level(said),
        creator=text_of(said.get("username"), _MAX_NAME) or None,
        base_model=text_of(said.get("baseModel"), _MAX_NAME) or None,
        recipe=_recipe(found) if found else None,
        resources=_resources(found),
        version_ids=_versions(said.get("modelVersionIds")),
    )


def _level(said: JsonObject) -> int:
    """The highest that any of Civitai's three ways to say so means; silence is not believed."""
    told = [said.get(name) for name in ("nsfwLevel", "browsingLevel")]
    levels = [_LEVELS.get(one.lower(), _UNRATED) for one in told if isinstance(one, str)]
    levels += [one if 0 < one < _UNRATED else _UNRATED for one in told if type(one) is int]
    nsfw = said.get("nsfw")
    if nsfw not in (None, False, "None"):
        levels.append(_LEVELS.get(nsfw.lower(), 2) if isinstance(nsfw, str) else 2)
    elif nsfw is not None:
        levels.append(EVERYBODY)
    return max(levels, default=_UNRATED)


def _versions(said: Any) -> tuple[int, ...]:
    found = [_whole(one, 1, _MAX_ID) for one in (said if isinstance(said, list) else [])]
    return tuple(dict.fromkeys(one for one in found if one is not None))[:_MAX_VERSIONS]


def _recipe(meta: JsonObject) -> Recipe:
    sampler, scheduler = _sampler(meta.get("sampler"), meta.get("scheduler"))
    size = _SIZE.fullmatch(text_of(meta.get("Size"), 40))
    return Recipe(
        prompt=_prose(meta.get("prompt")),
        negative=_prose(meta.get("negativePrompt")),
        seed=_whole(meta.get("seed"), 0, _MAX_SEED),
        steps=_whole(meta.get("steps"), 1, 1000),
        cfg=_number(meta.get("cfgScale"), 0, 100),
        sampler_name=sampler,
        scheduler=scheduler,
        width=_whole(int(size[1]) if size else meta.get("width"), 16, _MAX_SIDE),
        height=_whole(int(size[2]) if size else meta.get("height"), 16, _MAX_SIDE),
    )


def _sampler(said: Any, schedule: Any) -> tuple[str | None, str | None]:
    """ComfyUI's names of a sampler and a scheduler, which others write as one."""
    name = text_of(said, _MAX_NAME).lower()
    scheduler = _SCHEDULERS.get(text_of(schedule, _MAX_NAME).lower().replace("_", " "))
    for ending, meant in _SCHEDULERS.items():
        if name.endswith(f" {ending}"):
            name, scheduler = name.removesuffix(f" {ending}"), meant
    known = name if name in _SAMPLERS.values() else _SAMPLERS.get(name.replace("_", " "))
    return known, scheduler


def _resources(meta: JsonObject) -> tuple[Resource, ...]:
    """Every model that is named in one of the places where programs name them, each once."""
    found: dict[tuple[str, str | int], Resource] = {}
    for entry in _dicts(meta.get("civitaiResources")):
        version = _whole(entry.get("modelVersionId"), 1, _MAX_ID)
        if version is not None:
            kind, name = _kind(entry), text_of(entry.get("modelVersionName"), _MAX_NAME)
            weight = _number(entry.get("weight"), -10, 10)
            found[kind, version] = Resource(kind, name, None, weight, version)
    hashes = meta.get("hashes")
    for entry in _dicts(meta.get("resources")):
        name = text_of(entry.get("name"), _MAX_NAME)
        resource = Resource(
            _kind(entry), name, _hash(entry.get("hash")), _number(entry.get("weight"), -10, 10)
        )
        if name:
            found.setdefault((resource.kind, name.lower()), resource)
    for key, value in hashes.items() if isinstance(hashes, dict) else ():
        kind, _, name = text_of(key, _MAX_NAME).partition(":")
        if not name and kind == "model":
            name = text_of(meta.get("Model"), _MAX_NAME)
        name = name or kind
        kind = _KINDS.get(kind.lower(), "other")
        if (digest := _hash(value)) is not None and name:
            found.setdefault((kind, name.lower()), Resource(kind, name, digest))
    model = text_of(meta.get("Model"), _MAX_NAME)
    if model and not any(kind == "checkpoint" for kind, _ in found):
        resource = Resource("checkpoint", model, _hash(meta.get("Model hash")))
        found["checkpoint", model.lower()] = resource
    for name in _EMBEDDING.findall(f"{meta.get('prompt')} {meta.get('negativePrompt')}"):
        found.setdefault(("embedding", name.lower()), Resource("embedding", name))
    return tuple(found.values())[:_MAX_RESOURCES]


def _kind(entry: JsonObject) -> str:
    return _KINDS.get(text_of(entry.get("type"), 40).lower(), "other")


def _dicts(said: Any) -> list[JsonObject]:
    listed = said[:_MAX_RESOURCES] if isinstance(said, list) else []
    return [entry for entry in listed if isinstance(entry, dict)]


def _hash(said: Any) -> str | None:
    digest = said.lower() if isinstance(said, str) else ""
    return digest if _HASH.fullmatch(digest) else None


def _prose(said: Any) -> str:
    """A prompt, with its lines."""
    if not isinstance(said, str):
        return ""
    lines = said[:_MAX_PROMPT].splitlines()
    return "\n".join(text_of(line, _MAX_PROMPT) for line in lines).strip()


def _whole(said: Any, least: int, most: int) -> int | None:
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 21:
        said = int(said)
    return said if type(said) is int and least <= said <= most else None


def _number(said: Any, least: float, most: float) -> float | None:
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    return float(said) if is_number and least <= said <= most else None
