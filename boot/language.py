"""What Studio and the worker of language models agree on: places, and what one is to run.

Standard library only; both sides read it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

SLOTS: Final = tuple(f"language-{number}" for number in range(1, 5))
"""The children of bootstrap that run a model each; so many can run at once."""
WORK_FOLDER: Final = "language"
"""In ENGINE_DIR: what each place is to run."""
CHAT_FORMATS: Final = ("", "chatml", "llama-3", "gemma", "mtmd", "gemma4", "llava-1-5", "llava-1-6",
    "qwen2.5-vl", "minicpm-v-2.6", "moondream", "nanollava", "llama-3-vision-alpha")  # fmt: skip
"""How a chat becomes a text; the model itself says so where this is empty."""
MOST_CONTEXT: Final = 4_194_304
MOST_LAYERS: Final = 1000
MOST_THREADS: Final = 1024
_MOST_BYTES: Final = 16_384
_MOST_NAME: Final = 1024
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{32,128}")

_GPU: Final = re.compile(r"((GPU|MIG)-[A-Za-z0-9/-]{1,80})?")


class SpecRefused(ValueError):
    """It is no description of a model's server."""


@dataclass(frozen=True)
class LanguageSpec:
    """One model's server.

    Attributes:
        model: its file, below the folder of language models.
        projector: the file with its eyes, there too; empty without.
        port: of loopback.
        key: what a request has to bring.
        gpu_layers: so many go to the GPU, -1 for all.
        gpu: the UUID of the one of several GPUs that it gets; empty for all of them.
    """

    model: str
    port: int
    key: str
    context: int
    threads: int
    gpu_layers: int = 0
    projector: str = ""
    chat_format: str = ""
    embeddings: bool = False
    gpu: str = ""

    def __post_init__(self) -> None:
        _require(_is_below(self.model), "model")
        _require(not self.projector or _is_below(self.projector), "projector")
        _require(_within(self.port, 1024, 65_535), "port")
        _require(isinstance(self.key, str) and _KEY.fullmatch(self.key) is not None, "key")
        _require(_within(self.context, 1, MOST_CONTEXT), "context")
        _require(_within(self.threads, 1, MOST_THREADS), "threads")
        _require(_within(self.gpu_layers, -1, MOST_LAYERS), "gpu_layers")
        _require(self.chat_format in CHAT_FORMATS, "chat_format")
        _require(isinstance(self.embeddings, bool), "embeddings")
        _require(isinstance(self.gpu, str) and _GPU.fullmatch(self.gpu) is not None, "gpu")

    @classmethod
    def parse(cls, said: object) -> LanguageSpec:
        """One that was written down.

        Raises:
            SpecRefused: it is none.
        """
        names = {each.name for each in fields(cls)}
        if not isinstance(said, dict) or not said.keys() <= names:
            raise SpecRefused("That is no description of a model's server.")
        try:
            return cls(**said)
        except TypeError:
            raise SpecRefused("A field is missing.") from None

    def config(self, folder: Path) -> dict[str, Any]:
        """What llama.cpp's server is configured with, for models in ``folder``."""
        model: dict[str, Any] = {
            "model": str(folder / self.model),
            "model_alias": Path(self.model).stem,
            "n_ctx": self.context,
            "n_gpu_layers": self.gpu_layers,
            "n_threads": self.threads,
            "n_threads_batch": self.threads,
            "embedding": self.embeddings,
            # Memory that is locked cannot be had by engines, and every token's odds are many.
            "use_mlock": False,
            "logits_all": False,
            "verbose": True,
        }
        if self.projector:
            model["clip_model_path"] = str(folder / self.projector)
        if self.chat_format:
            model["chat_format"] = self.chat_format
        # By default a second request would cut the first one off.
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "api_key": self.key,
            "interrupt_requests": False,
            "models": [model],
        }


def read_spec(path: Path) -> LanguageSpec:
    """What ``path`` says, which may have been written by anybody who can write there.

    Raises:
        SpecRefused: it cannot be read, or is none.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise SpecRefused(f"{path} is too large.")
        return LanguageSpec.parse(json.loads(content))
    except OSError as error:
        raise SpecRefused(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise SpecRefused(f"{path} is not understood: {error}") from None


def spec_file(work: Path, slot: str) -> Path:
    """Where it is written down what a place is to run."""
    return work / f"{slot}.json"


def to_json(spec: LanguageSpec) -> Mapping[str, Any]:
    """What ``LanguageSpec.parse`` reads."""
    return {each.name: getattr(spec, each.name) for each in fields(spec)}


def _is_below(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MOST_NAME
        and name.isprintable()
        and not name.startswith("/")
        and all(part not in ("", ".", "..") for part in name.split("/"))
    )


def _within(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _require(holds: bool, name: str) -> None:
    if not holds:
        raise SpecRefused(f"{name} is not possible.")
