"""Every setting, read once from the environment into one frozen record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from studio.addresses import base_url, outbound, proxies, public_url, remote_name
from studio.boot_facts import BootFacts
from studio.errors import InvalidRequest
from studio.model_settings import ModelSettings
from studio.outreach_settings import OutreachSettings
from studio.paths import run_folder
from studio.update_settings import UpdateSettings

DAY_MS: Final = 86_400_000


SECRETS: Final = (
    "API_KEY",
    "CIVITAI_API_KEY",
    "HF_TOKEN",
    "LANGUAGE_API_KEY",
    "TELEGRAM_BOT_TOKEN",
)
"""Variables whose values are shown to nobody."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A whole number that may be set.

    ``field`` of the settings holds it times ``unit``. ``storable`` ones can also be set in Studio;
    they count from its next start on, unless the environment sets them.
    """

    field: str
    default: int
    least: int
    most: int
    unit: int = 1
    storable: bool = True


LIMITS: Final[Mapping[str, Limit]] = {
    "JOB_RETENTION_DAYS": Limit("job_retention_days", 365, 1, 36_500),
    "MAX_QUEUE_DEPTH": Limit("max_queue_depth", 10_000, 1, 1_000_000),
    "MAX_LIVE_CLIENTS": Limit("max_live_clients", 50, 1, 1000),
    "MAX_UPLOAD_MB": Limit("max_upload_bytes", 100_000, 1, 10_000_000, unit=1_000_000),
    "MAX_ASSET_GIB": Limit("max_asset_bytes", 20, 1, 10_000, unit=1 << 30),
    "CIVITAI_GALLERY_MB": Limit("civitai_gallery_bytes", 5_000, 1, 10_000_000, unit=1_000_000),
    "MAX_BODY_MB": Limit("max_body_bytes", 32, 1, 1024, unit=1_000_000, storable=False),
    "CACHE_SIZE_GB": Limit("cache_size_bytes", 0, 0, 1_000_000, unit=1_000_000_000, storable=False),
    "ENGINE_HANG_S": Limit("engine_hang_s", 300, 5, 86_400),
    "UPDATE_CHECK_HOURS": Limit("update_check_hours", 24, 0, 8_760),
    "UPDATE_TRIAL_S": Limit("update_trial_s", 60, 1, 3_600, storable=False),
    "JOB_STUCK_MINUTES": Limit("job_stuck_s", 120, 0, 10_080, unit=60),
    "UNKNOWN_JOB_SECONDS": Limit("unknown_job_s", 30, 0, 3_600),
    "KEY_REQUESTS_PER_MINUTE": Limit("key_requests_per_minute", 6_000, 1, 1_000_000),
    "USER_REQUESTS_PER_MINUTE": Limit("user_requests_per_minute", 6_000, 60, 1_000_000),
    "ADDRESS_REQUESTS_PER_MINUTE": Limit("address_requests_per_minute", 3_000, 60, 1_000_000),
}
"""By the name of the variable."""


class Secret:
    """A value that never shows itself: not in a log, a repr, a traceback or an f-string."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class EngineSetting:
    """One engine Studio drives.

    ``kind`` is ``comfyui``, ``embedded`` (both started by bootstrap) or ``remote`` (given by URL).
    ``temp_dir`` is the folder of a managed engine's temporary files, if it has one of its own.
    ``gpu`` is the GPUs that it was given, in CUDA's words; empty when it sees all.
    """

    name: str
    kind: str
    url: str
    temp_dir: Path | None = None
    gpu: str = ""

    @property
    def managed(self) -> bool:
        return self.kind != "remote"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; docs/configuration.md has every variable."""

    studio_dir: Path
    run_dir: Path
    engine_dir: Path
    host: str
    port: int
    comfy_port: int | None
    """The editor's port; ``None`` is the one after ``port``, or any while that is taken."""
    public_url: str | None
    trusted_proxies: tuple[str, ...]
    comfy_public_url: str | None
    engines: tuple[EngineSetting, ...]
    api_key: Secret | None
    given: frozenset[str]
    """Names of the variables that the environment sets."""
    secrets: Mapping[str, Secret]
    """Those of ``SECRETS`` that were set, by name."""
    hub_urls: Mapping[str, str]
    """Where the owners of the tokens among ``SECRETS`` are asked, by the token's name."""
    outbound_allow: tuple[str, ...]
    """Hosts and networks that may be fetched from though they are private, and without TLS."""
    model_dir: Path
    custom_nodes_dir: Path
    models: ModelSettings
    updates: UpdateSettings
    outreach: OutreachSettings
    comfyui_flags: str
    """What bootstrap gives to ComfyUI at every start; empty when the environment says nothing."""
    job_retention_days: int
    max_queue_depth: int
    engine_hang_s: float
    job_stuck_s: int
    """How long a job may show no progress; 0 is for ever."""
    unknown_job_s: int
    """What a job counts of a day's GPU time while nothing like it ever ran; 0 is nothing."""
    max_upload_bytes: int
    max_body_bytes: int
    max_asset_bytes: int
    civitai_gallery_bytes: int
    cache_size_bytes: int
    """How much of models that jobs named by their address is kept; 0 is no limit."""
    update_check_hours: int
    """0 is never."""
    update_trial_s: int
    """How long a new release has to work before it is kept."""
    max_live_clients: int
    """Connections of ``/api/ws`` of one user."""
    key_requests_per_minute: int
    user_requests_per_minute: int
    address_requests_per_minute: int
    warmup_workflow: Path | None
    isolated: bool
    boot: BootFacts

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            InvalidRequest: a value is not what its variable needs; the message names it.
        """
        in_image = environ.get("STUDIO_IMAGE") == "1"
        usual_dir = Path("/workspace/studio" if in_image else "~/.studio").expanduser()
        studio_dir = Path(environ.get("STUDIO_DIR") or usual_dir).expanduser()
        base = Path("/workspace") if in_image else studio_dir
        folders = {
            name: (Path(environ.get(name) or usual).expanduser(), usual)
            for name, usual in (
                ("STUDIO_DIR", usual_dir),
                ("ENGINE_DIR", base / "engine"),
                ("MODEL_DIR", base / "models"),
            )
        }
        # Bootstrap names every folder: what is the default anyway was not given by anybody.
        usual_folders = {name for name, (folder, usual) in folders.items() if folder == usual}
        port = _integer(environ, "STUDIO_PORT", 8000, low=0, high=65535)
        comfy_port = _integer(environ, "STUDIO_COMFY_PORT", -1, low=0, high=65535)
        api_key = environ.get("API_KEY", "").strip() or None
        warmup = environ.get("WARMUP_WORKFLOW") or None
        return cls(
            studio_dir=studio_dir,
            run_dir=run_folder(studio_dir, environ),
            engine_dir=folders["ENGINE_DIR"][0],
            host=environ.get("STUDIO_HOST") or ("0.0.0.0" if in_image else "127.0.0.1"),  # noqa: S104
            port=port,
            comfy_port=None if comfy_port < 0 else comfy_port,
            public_url=public_url(environ, "STUDIO_PUBLIC_URL", port),
            comfy_public_url=public_url(
                environ, "STUDIO_COMFY_PUBLIC_URL", port + 1 if comfy_port < 0 else comfy_port
            ),
            trusted_proxies=proxies(environ),
            engines=_engines(environ),
            api_key=None if api_key is None else Secret(api_key),
            given=frozenset(name for name, value in environ.items() if value.strip())
            - usual_folders,
            secrets={
                name: Secret(value) for name in SECRETS if (value := environ.get(name, "").strip())
            },
            hub_urls={
                "HF_TOKEN": base_url(environ, "HF_ENDPOINT", "https://huggingface.co"),
                "CIVITAI_API_KEY": base_url(environ, "CIVITAI_URL", "https://civitai.com"),
                "TELEGRAM_BOT_TOKEN": base_url(
                    environ, "TELEGRAM_API_URL", "https://api.telegram.org"
                ),
            },
            outbound_allow=outbound(environ),
            model_dir=folders["MODEL_DIR"][0],
            custom_nodes_dir=Path(
                environ.get("CUSTOM_NODES_DIR") or folders["ENGINE_DIR"][0] / "custom_nodes"
            ).expanduser(),
            models=ModelSettings.from_env(environ, base),
            updates=UpdateSettings.from_env(environ),
            outreach=OutreachSettings.from_env(environ),
            comfyui_flags=environ.get("COMFYUI_FLAGS", "").strip(),
            job_retention_days=_number(environ, "JOB_RETENTION_DAYS"),
            max_queue_depth=_number(environ, "MAX_QUEUE_DEPTH"),
            engine_hang_s=float(_number(environ, "ENGINE_HANG_S")),
            job_stuck_s=_number(environ, "JOB_STUCK_MINUTES"),
            unknown_job_s=_number(environ, "UNKNOWN_JOB_SECONDS"),
            max_upload_bytes=_number(environ, "MAX_UPLOAD_MB"),
            max_body_bytes=_number(environ, "MAX_BODY_MB"),
            max_asset_bytes=_number(environ, "MAX_ASSET_GIB"),
            civitai_gallery_bytes=_number(environ, "CIVITAI_GALLERY_MB"),
            cache_size_bytes=_number(environ, "CACHE_SIZE_GB"),
            update_check_hours=_number(environ, "UPDATE_CHECK_HOURS"),
            update_trial_s=_number(environ, "UPDATE_TRIAL_S"),
            max_live_clients=_number(environ, "MAX_LIVE_CLIENTS"),
            key_requests_per_minute=_number(environ, "KEY_REQUESTS_PER_MINUTE"),
            user_requests_per_minute=_number(environ, "USER_REQUESTS_PER_MINUTE"),
            address_requests_per_minute=_number(environ, "ADDRESS_REQUESTS_PER_MINUTE"),
            warmup_workflow=Path(warmup) if warmup else None,
            isolated=environ.get("STUDIO_ISOLATION") == "1",
            boot=BootFacts.from_env(environ),
        )

    def with_stored(self, stored: Mapping[str, str]) -> Settings:
        """These settings with limits that were stored in Studio where the environment is silent."""
        changes: dict[str, Any] = {
            limit.field: int(stored[name]) * limit.unit
            for name, limit in LIMITS.items()
            if limit.storable and name in stored and name not in self.given
        }
        return replace(self, **changes)

    @property
    def own_url(self) -> str:
        """Where a browser on this machine finds Studio."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def database_path(self) -> Path:
        return self.studio_dir / "db" / "studio.db"

    @property
    def backups_dir(self) -> Path:
        return self.studio_dir / "db" / "backups"


def _integer(environ: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise InvalidRequest(f"{name} must be a whole number, not {text!r}.") from None
    if not low <= value <= high:
        raise InvalidRequest(f"{name} must lie between {low} and {high}, not {value}.")
    return value


def _number(environ: Mapping[str, str], name: str) -> int:
    limit = LIMITS[name]
    read = _integer(environ, name, limit.default, low=limit.least, high=limit.most)
    return read * limit.unit


def _engines(environ: Mapping[str, str]) -> tuple[EngineSetting, ...]:
    """Bootstrap names the engines in ``STUDIO_ENGINES``; without it only URLs can be driven."""
    listed = environ.get("STUDIO_ENGINES")
    if listed:
        return tuple(
            EngineSetting(
                name=item["name"],
                kind=item["kind"],
                url=item["url"].rstrip("/"),
                temp_dir=Path(item["temp_dir"]) if item.get("temp_dir") else None,
                gpu=item.get("gpu", ""),
            )
            for item in json.loads(listed)
        )
    urls = [part.strip().rstrip("/") for part in environ.get("STUDIO_ENGINE", "").split(",")]
    remote = [url for url in urls if url.startswith(("http://", "https://"))]
    engines = tuple(EngineSetting(remote_name(url), "remote", url) for url in remote)
    if len({engine.name for engine in engines}) < len(engines):
        raise InvalidRequest("STUDIO_ENGINE names one of its engines twice.")
    return engines
