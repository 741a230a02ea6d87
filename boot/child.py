"""One child process: its start, its output, its end."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from boot.launch import Launch
from boot.linux import die_with_parent, start_time
from boot.listeners import Listeners
from boot.logs import LogFile, Tail
from boot.plan import ChildPlan

_READ_BYTES: Final = 65536


class Child:
    """Runs ``plan`` as often as it is asked to. Used from the main thread only.

    Args:
        plan: what to run.
        log_file: takes everything the child prints.
        tail: remembers its last lines for the status; None when they are nobody's business.
        echo: shows its output, or None.
        listeners: open ports that it serves on, or None.
    """

    def __init__(
        self,
        plan: ChildPlan,
        *,
        log_file: LogFile,
        tail: Tail | None,
        echo: Callable[[bytes], None] | None,
        listeners: Listeners | None = None,
    ) -> None:
        self.plan = plan
        self.kill_at: float | None = None
        self._log_file = log_file
        self._tail = tail
        self._echo = echo
        self._listeners = listeners
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._pid: int | None = None
        self._start_time: int | None = None
        self._started_at: float | None = None
        self._started_mono = 0.0
        self._exit: dict[str, Any] | None = None
        self._asked = False
        self._stopped = True
        self._flags: list[str] = []

    @property
    def running(self) -> bool:
        """It was started and its end has not been collected."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Of the running process, which also leads its group."""
        return self._process.pid if self._process else None

    @property
    def deliberate(self) -> bool:
        """Somebody asked for the last end."""
        return self._asked and not self.running

    @property
    def stopping(self) -> bool:
        """A stop was asked for and the process is still there."""
        return self.running and self._stopped

    def start(self, flags: Sequence[str] = (), launch: Launch | None = None) -> None:
        """Start it in a session of its own, tied to the life of this thread.

        Args:
            flags: follow the command line of the plan this time.
            launch: where it is started from this time, instead of the plan's folder.

        Raises:
            OSError: the command cannot be run; the status then shows an exit with code 127.
        """
        plan = self.plan
        self._asked = self._stopped = False
        self._flags = list(flags)
        is_first = self._started_at is None
        first_args = plan.first_args if is_first else ()
        env = {
            **plan.env,
            **(plan.first_env if is_first else {}),
            **(launch.env if launch else {}),
            **(self._listeners.env if self._listeners else {}),
        }
        try:
            process = subprocess.Popen(
                (*plan.argv, *first_args, *flags),
                cwd=launch.folder if launch else plan.cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                pass_fds=self._listeners.handles if self._listeners else (),
                umask=plan.umask,
                user=plan.ids.uid if plan.ids else None,
                group=plan.ids.gid if plan.ids else None,
                extra_groups=plan.ids.groups if plan.ids else None,
                # Only one ctypes call and getppid run between fork and exec.
                preexec_fn=die_with_parent(os.getpid()),
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._exit = {"code": 127, "signal": None, "at": time.time()}
            self._pid = self._start_time = None
            if isinstance(error, OSError):
                raise
            raise OSError(str(error)) from error
        self._process = process
        self._pid, self._start_time = process.pid, start_time(process.pid)
        self._started_at, self._started_mono = time.time(), time.monotonic()
        output = process.stdout
        assert isinstance(output, io.FileIO)
        self._reader = threading.Thread(
            target=self._read, args=(output,), name=f"log-{plan.name}", daemon=True
        )
        self._reader.start()

    def ended(self, wait_status: int) -> float:
        """Take note that the process was collected.

        Returns:
            Seconds it lived.
        """
        assert self._process is not None
        code = os.waitstatus_to_exitcode(wait_status)
        # Tell Popen, or it would wait for a pid that may be another's by then.
        self._process.returncode = code
        self._process = None
        self.kill_at = None
        self._exit = {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "at": time.time(),
        }
        return time.monotonic() - self._started_mono

    @property
    def exit_code(self) -> int | None:
        """Of the last end; None when a signal ended it or it never ran."""
        code: int | None = self._exit["code"] if self._exit else None
        return code

    def stop(self, grace_s: float) -> None:
        """Ask the whole group to end; ``kill_at`` says when to stop asking."""
        self._stopped = True
        if self.running:
            self.signal(signal.SIGTERM, group=True)
            deadline = time.monotonic() + grace_s
            self.kill_at = min(deadline, self.kill_at) if self.kill_at else deadline

    def kill(self) -> None:
        """End the whole group now."""
        self.kill_at = None
        self.signal(signal.SIGKILL, group=True)

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send ``number`` to the process, or to its group."""
        if self._process is None:
            return
        if number in _ENDING:
            self._asked = True
        # Not collected yet, so the number still names this process and this group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if group:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self._process.pid, number)

    def finish_output(self, timeout_s: float) -> None:
        """Wait until what it printed before its end is stored."""
        if self._reader is not None:
            self._reader.join(timeout_s)

    def status(self) -> dict[str, Any]:
        """The answer's ``child`` object; pid, times and flags are those of the last start."""
        ended = "stopped" if self._stopped else "exited"
        return {
            "name": self.plan.name,
            "kind": self.plan.kind,
            "state": "running" if self.running else ended,
            "pid": self._pid,
            "start_time": self._start_time,
            "started_at": self._started_at,
            "port": self.plan.port,
            "url": self.plan.url,
            "exit": self._exit,
            "deliberate": self.deliberate,
            "flags": self._flags,
            "log_tail": self._tail.lines() if self._tail else [],
        }

    def _read(self, output: io.FileIO) -> None:
        with output:
            for data in _chunks(output):
                self._log_file.write(data)
                if self._tail is not None:
                    self._tail.feed(data)
                if self._echo is not None:
                    self._echo(data)


def _chunks(output: io.FileIO) -> Iterable[bytes]:
    while data := output.read(_READ_BYTES):
        yield data


_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGKILL, signal.SIGINT})
