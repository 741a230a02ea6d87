"""What the environment says of models: folders beside MODEL_DIR, the manifest, the pod, Civitai."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pod:
    """The RunPod pod that this is, and how RunPod is asked about it."""

    id: str
    api_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """``own_dir`` is where models go that Studio adds, when MODEL_DIR takes none."""

    own_dir: Path | None
    llm_dir: Path
    cache_dir: Path
    manifest: Path | None
    """Models to have, as a file says."""
    pod: Pod | None
    shows_nsfw: bool
    """Whether pictures of Civitai may be shown that are not for everybody."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], base: Path) -> ModelSettings:
        """Read them; ``base`` is the folder that they lie in by default."""
        own, manifest = environ.get("STUDIO_OWN_MODEL_DIR"), environ.get("MODEL_MANIFEST")
        pod, key = environ.get("RUNPOD_POD_ID", "").strip(), environ.get("RUNPOD_API_KEY", "")
        url = environ.get("RUNPOD_API_URL", "").strip() or "https://rest.runpod.io/v1"
        return cls(
            own_dir=Path(own) if own else None,
            llm_dir=Path(environ.get("LLM_DIR") or base / "llm").expanduser(),
            cache_dir=Path(environ.get("CACHE_DIR") or base / "cache").expanduser(),
            manifest=Path(manifest).expanduser() if manifest else None,
            shows_nsfw=environ.get("CIVITAI_NSFW", "").strip() == "1",
            pod=Pod(pod, url.rstrip("/"), key.strip()) if pod and key.strip() else None,
        )
