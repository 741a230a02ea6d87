"""What a model file's header tells: its kind, its base model, the words that wake it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from studio.services.families import Families
from studio.store.model_headers import Header
from studio.store.model_roots import LLM

MAX_WORDS: Final = 20
MAX_TAGS: Final = 50
_MAX_WORD: Final = 100
_MAX_TEXT: Final = 500
_SPOKEN: Final = 0.5
"""Which part of the most frequent tag's count another one needs to be a trigger word."""

_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("lora", re.compile(r"(?:^|\.)(?:lora_(?:down|up|A|B)|hada_w1_a|lokr_w1|dora_scale)\b")),
    ("controlnet", re.compile(r"^(?:control_model\.|controlnet_|input_hint_block\.|zero_convs\.)")),
    ("clip_vision", re.compile(r"^(?:vision_model\.|visual\.transformer\.)")),
    ("upscaler", re.compile(r"^(?:(?:module\.)?body\.0\.rdb1\.|model\.1\.sub\.0\.RDB1\.)")),
    ("embedding", re.compile(r"^(?:emb_params|string_to_param\.\*|clip_[gl])$")),
)
_WHOLE: Final = "model.diffusion_model."
_REST: Final = ("first_stage_model.", "vae.", "conditioner.", "cond_stage_model.", "text_encoders.")
"""What a checkpoint has beside its diffusion model."""
_DIFFUSION: Final = re.compile(
    r"^(?:double_blocks\.|single_blocks\.|joint_blocks\.|transformer_blocks\.|"
    r"single_transformer_blocks\.|(?:net\.)?blocks\.\d+\.(?:cross_attn|self_attn|adaln)|"
    r"layers\.\d+\.(?:adaLN|attention\.qkv)|input_blocks\.|down_blocks\.)"
)
_VAE: Final = re.compile(
    r"^(?:first_stage_model\.)?(?:decoder|encoder)\.(?:conv_in|conv1|down|up|mid|middle|layers)\b"
)
_TEXT: Final = re.compile(
    r"^(?:text_model\.encoder\.|encoder\.block\.\d+\.layer\.|shared\.weight|"
    r"(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.\d+\.self_attn\.q_proj)"
)
_HOME: Final[Mapping[str, tuple[str, ...]]] = {
    # Where each kind may lie; the first is where it belongs.
    "lora": ("loras",),
    "controlnet": ("controlnet", "model_patches"),
    "clip_vision": ("clip_vision",),
    "upscaler": ("upscale_models",),
    "embedding": ("embeddings",),
    "checkpoint": ("checkpoints",),
    "diffusion": ("diffusion_models", "model_patches"),
    "vae": ("vae", "latent_upscale_models", "vae_approx"),
    "text_encoder": ("text_encoders", LLM),
    "llm": (LLM, "text_encoders"),
}
STANDARD_FOLDERS: Final = frozenset(folder for homes in _HOME.values() for folder in homes)
_BASE_FIELDS: Final = ("modelspec.architecture", "ss_base_model_version", "ss_sd_model_name")
_BY_TENSOR: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("sdxl", re.compile(r"^(?:conditioner\.embedders\.1\.|lora_te2_)")),
    ("flux-1", re.compile(r"(?:^|\.|_)(?:double_blocks|single_transformer_blocks)[._]\d+")),
    ("qwen-image", re.compile(r"transformer_blocks[._]\d+[._](?:img|txt)_m(?:lp|od)")),
    ("sd-3", re.compile(r"(?:^|\.)joint_blocks\.\d+")),
    ("z-image", re.compile(r"(?:^|\.)layers\.\d+\.adaLN_modulation")),
    ("wan-2.1", re.compile(r"(?:^|\.|_)blocks[._]\d+[._]cross_attn[._](?:k_img|q|k|v|o)\b")),
    ("sd-1.5", re.compile(r"^cond_stage_model\.transformer\.")),
)
_GGUF_DIFFUSION: Final = frozenset(
    {"flux", "sd1", "sdxl", "sd3", "wan", "hyvid", "ltxv", "aura", "hidream", "cosmos", "lumina2",
     "qwen_image", "chroma"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a file. ``belongs_in`` names a folder only if it lies in a wrong one."""

    kind: str | None = None
    family: str | None = None
    trigger_words: tuple[str, ...] = ()
    belongs_in: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def model_facts(header: Header | None, folder: str, families: Families) -> ModelFacts:
    """The facts of a file in ``folder``."""
    if header is None:
        return ModelFacts()
    kind, family = _kind(header), _family(header, families)
    tags = _tags(header.metadata)
    homes = _HOME.get(kind or "", ())
    # A folder that only a custom node knows is that node's business.
    misplaced = bool(homes) and folder in STANDARD_FOLDERS and folder not in homes
    return ModelFacts(
        kind=kind,
        family=family,
        trigger_words=_trigger_words(header.metadata, tags),
        belongs_in=homes[0] if misplaced else None,
        details=_details(header, tags),
    )


def _kind(header: Header) -> str | None:
    if header.format == "gguf":
        architecture = str(header.metadata.get("general.architecture", ""))
        if not architecture:
            return None
        return "diffusion" if architecture in _GGUF_DIFFUSION else "llm"
    names = header.tensors
    if any(name.startswith(_WHOLE) for name in names):
        # Alone it is a diffusion model that was saved like a checkpoint: either folder takes it.
        return "checkpoint" if any(name.startswith(_REST) for name in names) else None
    for kind, pattern in _KINDS:
        if any(pattern.search(name) for name in names):
            return kind
    for kind, pattern in (("diffusion", _DIFFUSION), ("text_encoder", _TEXT), ("vae", _VAE)):
        if any(pattern.match(name) for name in names):
            return kind
    return None


def _family(header: Header, families: Families) -> str | None:
    for name in (*_BASE_FIELDS, "general.architecture"):
        value = header.metadata.get(name)
        if isinstance(value, str) and (found := families.find(value)):
            return found.id
    for family, pattern in _BY_TENSOR:
        if any(pattern.search(name) for name in header.tensors):
            return family
    return None


def _tags(metadata: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The words of a LoRA's training captions, the most frequent first."""
    text = metadata.get("ss_tag_frequency")
    if not isinstance(text, str):
        return []
    try:
        folders = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    counts: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int and tag.strip():
                counts[tag.strip()[:_MAX_WORD]] += count
    return counts.most_common(MAX_TAGS)


def _trigger_words(metadata: Mapping[str, Any], tags: list[tuple[str, int]]) -> tuple[str, ...]:
    said = metadata.get("modelspec.trigger_phrase")
    if isinstance(said, str) and said.strip():
        words = [word.strip()[:_MAX_WORD] for word in said.split(",")]
        return tuple(dict.fromkeys(word for word in words if word))[:MAX_WORDS]
    if not tags:
        return ()
    least = tags[0][1] * _SPOKEN
    return tuple(tag for tag, count in tags if count >= least)[:MAX_WORDS]


def _details(header: Header, tags: list[tuple[str, int]]) -> dict[str, Any]:
    named = {
        "title": ("modelspec.title", "general.name", "ss_output_name"),
        "author": ("modelspec.author", "general.author"),
        "license": ("modelspec.license", "general.license"),
        "resolution": ("modelspec.resolution", "ss_resolution"),
        "description": ("modelspec.description", "general.description"),
    }
    found: dict[str, Any] = {"format": header.format}
    for name, keys in named.items():
        said = next((header.metadata[key] for key in keys if header.metadata.get(key)), None)
        if isinstance(said, str | int | float):
            found[name] = str(said)[:_MAX_TEXT]
    if header.types:
        found["types"] = sorted(header.types)
    if tags:
        found["tags"] = [{"tag": tag, "count": count} for tag, count in tags]
    return found
