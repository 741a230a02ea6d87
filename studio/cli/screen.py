"""What a person sees on standard error while a job runs; standard output stays for results."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Final

_BAR_WIDTH: Final = 24
_PLAIN_EVERY_S: Final = 10.0


class Screen:
    """One line that changes on a terminal, plain lines elsewhere, nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._shown = False
        self._started_s = time.monotonic()
        self._next_plain_s = 0.0
        self._last = ""

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self.clear()
            print(text, file=sys.stderr, flush=True)

    def start_clock(self) -> None:
        """The time beside the bar counts from now on."""
        self._started_s = time.monotonic()

    def show_status(self, status: str, position: int | None, *, engine_ready: bool = True) -> None:
        """Where the job stands: its place in the queue, counted from one, or its status."""
        text = status
        if status == "queued":
            text = "queued" if engine_ready else "waiting for an engine"
            if position and position > 1:
                text += f", {position - 1} before it"
        if self._live:
            self._draw(text)
        elif text != self._last:
            self.say(text)
        self._last = text

    def show_progress(self, progress: dict[str, Any]) -> None:
        """v2's ``Progress`` of a running job."""
        value = min(1.0, max(0.0, float(progress["value"])))
        node = progress.get("current_node_class") or progress.get("message") or ""
        steps = f" {progress['step']}/{progress['steps']}" if progress.get("steps") else ""
        if self._live:
            filled = round(value * _BAR_WIDTH)
            bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
            self._draw(f"{bar} {value:4.0%}  {self._elapsed()}  {node}{steps}")
        elif time.monotonic() >= self._next_plain_s:
            self._next_plain_s = time.monotonic() + _PLAIN_EVERY_S
            self.say(f"{value:.0%} {node}{steps}".rstrip())

    def clear(self) -> None:
        """Remove the changing line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def _draw(self, text: str) -> None:
        if self._quiet:
            return
        columns = shutil.get_terminal_size().columns - 1
        safe = "".join(each if each.isprintable() else " " for each in text)
        print(f"\r\x1b[K{safe[:columns]}", end="", file=sys.stderr, flush=True)
        self._shown = True

    def _elapsed(self) -> str:
        seconds = int(time.monotonic() - self._started_s)
        return f"{seconds // 60}:{seconds % 60:02d}"
