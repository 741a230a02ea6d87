"""What an engine lists in its folders of models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from studio.clients.comfy import EngineRefused, EngineUnreachable
from studio.remote import is_cached_name

_TIMEOUT_S: Final = 10.0


async def read_model_lists(base_url: str) -> Mapping[str, list[str]]:
    """Every folder of models that an engine knows, with the files it lists there: of those that
    somebody chooses from, so without what was fetched for jobs.

    Raises:
        EngineUnreachable, EngineRefused: it does not say.
    """
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def read(path: str) -> list[str]:
            try:
                async with session.get(base_url + path) as answer:
                    if answer.status != 200:
                        raise EngineRefused(answer.status, "")
                    said: Any = orjson.loads(await answer.read())
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
                raise EngineUnreachable(str(error)) from error
            return [text for text in said if isinstance(text, str) and not is_cached_name(text)]

        folders = await read("/models")
        lists = await asyncio.gather(*(read(f"/models/{quote(name)}") for name in folders))
    return dict(zip(folders, lists, strict=True))
