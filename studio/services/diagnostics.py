"""One ZIP for whoever helps: logs, versions, settings and findings, without any secret."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from studio.clients.doctor import ask_doctor
from studio.clock import Clock
from studio.logs import redaction
from studio.services.settings import SettingsService
from studio.services.system import SystemService
from studio.store.engine_logs import LogFolder

_MOST_OF_A_LOG: Final = 1 << 20
_FINDINGS_LAST_S: Final = 30.0


class DiagnosticsService:
    """Collects what tells how Studio is.

    Args:
        secrets: every secret there is; none of them is in what comes out.
        variables: where this Studio is, for the doctor.
    """

    def __init__(
        self,
        *,
        system: SystemService,
        settings: SettingsService,
        logs: LogFolder,
        secrets: Callable[[], Awaitable[Sequence[str]]],
        variables: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._system = system
        self._settings = settings
        self._logs = logs
        self._secrets = secrets
        self._variables = variables
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_s: float | None = None
        self._findings = ""

    async def collect(self) -> bytes:
        """The ZIP's bytes."""
        files = {
            "system.json": _json(await self._system.look()),
            "settings.json": _json([asdict(group) for group in self._settings.groups()]),
            "doctor.json": await self._doctor(),
        }
        logs = await asyncio.to_thread(self._logs.files, _MOST_OF_A_LOG)
        files |= {f"logs/{name}": text for name, text in logs.items()}
        hidden = await self._secrets()
        return await asyncio.to_thread(_packed, files, hidden)

    async def _doctor(self) -> str:
        """The findings, a moment old perhaps: each costs a process of its own."""
        async with self._asking:
            now_s = self._clock.monotonic_s()
            if self._asked_s is None or now_s - self._asked_s >= _FINDINGS_LAST_S:
                self._findings = await ask_doctor(self._variables)
                self._asked_s = now_s
            return self._findings


def _json(content: Any) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _packed(files: Mapping[str, str], hidden: Sequence[str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, redaction.clean_all(text, hidden))
    return packed.getvalue()
