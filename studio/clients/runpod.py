"""Asks RunPod for the size of this pod's volume: its file system tells the whole cluster's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson

from studio.model_settings import Pod
from studio.tls import trusted

_TIMEOUT_S: Final = 10.0
_MAX_ANSWER: Final = 1 << 20
_GB: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Volume:
    """The pod's volume: where it is mounted, and its size."""

    mount: str
    size_bytes: int


async def read_volume(pod: Pod) -> Volume | None:
    """The volume of a pod by RunPod's REST API; ``None`` when it does not say one."""
    url = f"{pod.api_url}/pods/{quote(pod.id, safe='')}"
    try:
        async with (
            httpx.AsyncClient(
                verify=trusted(), timeout=_TIMEOUT_S, follow_redirects=False
            ) as client,
            client.stream(
                "GET",
                url,
                params={"includeNetworkVolume": "true"},
                headers={"Authorization": f"Bearer {pod.api_key}"},
            ) as answer,
        ):
            if answer.status_code != 200:
                return None
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    return None
        return _volume(orjson.loads(body))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError, orjson.JSONDecodeError):
        return None


def _volume(said: Any) -> Volume | None:
    if not isinstance(said, dict):
        return None
    network = said.get("networkVolume")
    size = network.get("size") if isinstance(network, dict) else said.get("volumeInGb")
    mount = said.get("volumeMountPath") or "/workspace"
    if type(size) is not int or size <= 0 or not isinstance(mount, str):
        return None
    return Volume(mount, size * _GB)
