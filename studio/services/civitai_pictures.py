"""Pictures at Civitai: what they are, and how somebody says that they were made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import SourceError
from studio.services.civitai_models import text_of

_MAX_PROMPT: Final = 10_000
_MAX_NAME: Final = 200
_MAX_RESOURCES: Final = 32
_MAX_ID: Final = 2**53
_MAX_SEED: Final = 2**64
_MAX_SIDE: Final = 32_768
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
    nsfw: bool
    creator: str | None
    base_model: str | None
    recipe: Recipe | None
    resources: tuple[Resource, ...]


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
        nsfw=_is_nsfw(said),
        creator=text_of(said.get("username"), _MAX_NAME) or None,
        base_model=text_of(said.get("baseModel"), _MAX_NAME) or None,
        recipe=_recipe(found) if found else None,
        resources=_resources(found),
    )


def _is_nsfw(said: JsonObject) -> bool:
    """Whether any of Civitai's three ways to say so does; one that says nothing is not believed."""
    level, browsing = said.get("nsfwLevel"), said.get("browsingLevel")
    told = [
        said.get("nsfw") not in (None, False, "None"),
        isinstance(level, str) and level != "None",
        type(level) is int and level > 1,
        type(browsing) is int and browsing > 1,
    ]
    return any(told) or (level is None and browsing is None and said.get("nsfw") is None)


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
        name = name or (text_of(meta.get("Model"), _MAX_NAME) if kind == "model" else kind)
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
