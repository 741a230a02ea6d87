"""What is left for the worker of language models: a file for each place."""

from __future__ import annotations

import socket
from pathlib import Path

import orjson

from boot.language import LanguageSpec, spec_file, to_json
from studio.errors import StorageUnavailable
from studio.paths import atomic_write


class LanguageSpecs:
    """The folder in ``ENGINE_DIR``."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def write(self, slot: str, spec: LanguageSpec) -> None:
        """Say what a place is to run.

        Raises:
            StorageUnavailable: the disk refused.
        """
        try:
            # The worker is another user of the same group.
            atomic_write(spec_file(self._work, slot), orjson.dumps(to_json(spec)), mode=0o640)
        except OSError as error:
            raise StorageUnavailable("The model's settings cannot be written.") from error


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
