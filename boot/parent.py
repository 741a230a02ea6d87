"""The loop that starts, watches, restarts and ends the children of a plan.

One thread decides; only output is read by others. It alone collects exits, so a child's exit code
cannot be lost to the collecting of orphans, which is part of the job when this is process 1.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from typing import Any, Final

from boot.backoff import Backoff
from boot.child import Child
from boot.control import ControlServer, Refusal, Reply, Request
from boot.flags import flags_of
from boot.hold import SOCKET_NAME, hold
from boot.launch import Launcher
from boot.linux import adopt_orphans, start_time
from boot.listeners import Listeners, listening
from boot.logs import Console, LogFile, Tail
from boot.plan import EXIT_CONFIG, ChildPlan, Plan
from boot.reaper import collect, end_adopted
from boot.signals import signals_into
from boot.warden import Warden

_CONTROL_SOCKET: Final = "control.sock"
# All of an ordinary end must fit into the 10 s that container runtimes give.
_GIVE_UP_S: Final = 8.7
_SWEEP_S: Final = 1.0
# The Studio of a bootstrap that was just killed may need a moment to go.
_PORT_WAIT_S: Final = 5.0


def run(plan: Plan) -> int:
    """Run ``plan`` until SIGTERM, SIGINT, SIGHUP or a configuration error of Studio.

    Returns:
        The exit status: 0, or 78 when Studio said that its configuration is wrong.

    Raises:
        BootError: another bootstrap holds the run folder, or it or a port cannot be used.
    """
    with hold(plan.run_dir):
        warden = Warden()
        try:
            adopt_orphans()
            if plan.address is None:
                return _Parent(plan, warden).run()
            # To the very end: whoever could open them earlier would be taken for Studio.
            with listening(plan.address, patience_s=_PORT_WAIT_S) as listeners:
                return _Parent(plan, warden, listeners).run()
        finally:
            warden.close()


class _Parent:
    def __init__(self, plan: Plan, warden: Warden, listeners: Listeners | None = None) -> None:
        self._plan = plan
        self._warden = warden
        self._listeners = listeners
        self._own_log = self._log_file("bootstrap")
        self._console = Console(self._own_log)
        self._log = self._console.log
        self._logs = {child.name: self._log_file(child.name) for child in plan.children}
        self._children = {child.name: self._child(child) for child in plan.children}
        self._waiting: dict[str, list[Reply]] = {name: [] for name in self._children}
        self._backoff = Backoff(
            reset_s=plan.limits.restart_reset_s, max_s=plan.limits.restart_max_s
        )
        volume = next((child.volume for child in plan.children if child.kind == "studio"), None)
        served = plan.run_dir / _CONTROL_SOCKET
        self._launcher = Launcher(volume, self._log, served) if volume else None
        self._restart_at: float | None = None
        self._ending: int | None = None
        self._engines_told = False
        self._give_up_at: float | None = None
        self._selector = selectors.DefaultSelector()

    @property
    def _studio(self) -> Child | None:
        return next((c for c in self._children.values() if c.plan.kind == "studio"), None)

    @property
    def _engines(self) -> list[Child]:
        return [child for child in self._children.values() if child.plan.kind != "studio"]

    def run(self) -> int:
        with signals_into(self._selector, self._on_end_signal):
            # Listening comes first: Studio may ask as soon as it runs.
            server = ControlServer(
                path=self._plan.run_dir / SOCKET_NAME,
                selector=self._selector,
                owner=self._plan.studio_ids,
                handle=self._handle,
            )
            self._log(f"process {os.getpid()}, sockets in {self._plan.run_dir}")
            if self._listeners is not None and self._listeners.notice:
                self._log(self._listeners.notice)
            for child in self._children.values():
                if not child.plan.on_demand:
                    self._try_start(child)
            while not self._finished():
                for key, events in self._selector.select(self._pause_s()):
                    key.data(events)
                self._tick(time.monotonic())
            server.close()
        self._sweep()
        self._log("everything has ended")
        self._console.close(1.0)
        for log_file in (*self._logs.values(), self._own_log):
            log_file.close()
        return self._ending or 0

    def _log_file(self, name: str) -> LogFile:
        limits = self._plan.limits
        return LogFile(
            self._plan.log_dir,
            name,
            size_bytes=limits.log_size_bytes,
            files=limits.log_files,
            owner=self._plan.studio_ids,
        )

    def _child(self, plan: ChildPlan) -> Child:
        studio = plan.kind == "studio"
        return Child(
            plan,
            log_file=self._logs[plan.name],
            # Studio prints the one-time setup link; engines hold no secrets.
            tail=None if studio else Tail(self._plan.limits.tail_lines),
            echo=self._console.echo if studio else None,
            listeners=self._listeners if studio else None,
        )

    def _on_end_signal(self, number: signal.Signals) -> None:
        if self._ending is None:
            self._log(f"{number.name} received, ending Studio, then the engines")
            if self._launcher is not None:
                self._launcher.stopping()
            self._end(0)
            return
        self._log(f"{number.name} received again, ending everything at once")
        for child in self._children.values():
            child.kill()

    def _end(self, code: int) -> None:
        if self._ending is None:
            self._ending = code
            self._restart_at = None
            self._give_up_at = time.monotonic() + _GIVE_UP_S
            if self._studio is not None:
                self._studio.stop(self._plan.limits.studio_grace_s)

    def _finished(self) -> bool:
        # A process that hangs inside the kernel cannot even be killed.
        if self._give_up_at is not None and time.monotonic() >= self._give_up_at:
            return True
        if self._ending is None or (self._studio and self._studio.running):
            return False
        if not self._engines_told:
            self._engines_told = True
            for child in self._engines:
                child.stop(self._plan.limits.engine_grace_s)
        return not any(child.running for child in self._engines)

    def _pause_s(self) -> float | None:
        times = [child.kill_at for child in self._children.values() if child.kill_at is not None]
        look_at = self._launcher.look_at if self._launcher else None
        deadlines = (self._restart_at, self._give_up_at, look_at)
        times += [at for at in deadlines if at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _tick(self, now: float) -> None:
        self._collect()
        for child in self._children.values():
            if child.kill_at is not None and now >= child.kill_at:
                self._log(f"{child.plan.name} does not end, killing it")
                child.kill()
        self._end_trial(now)
        if self._restart_at is not None and now >= self._restart_at and self._studio is not None:
            self._try_start(self._studio)

    def _collect(self) -> None:
        """Collect every child that has ended, ours by name and adopted ones without."""
        by_pid = {child.pid: child for child in self._children.values() if child.pid is not None}
        while (end := collect(by_pid)) is not None:
            child = by_pid.get(end.pid)
            if child is not None:
                self._warden.release(end.pid)
                self._on_ended(child, child.ended(end.wait_status))

    def _on_ended(self, child: Child, lifetime_s: float) -> None:
        name = child.plan.name
        if child.plan.kind != "studio":
            child.finish_output(0.2)
        status = child.status()
        end = status["exit"]
        how = f"signal {end['signal']}" if end["signal"] else f"code {end['code']}"
        asked = ", as asked" if child.deliberate else ""
        self._log(f"{name} ended with {how} after {lifetime_s:.1f} s{asked}")
        self._answer_waiting(child, status)
        if child is self._studio and self._launcher is not None:
            self._launcher.ended(lifetime_s, asked=child.deliberate)
        if child is not self._studio or self._ending is not None or status["state"] == "stopped":
            return
        is_on_trial = self._launcher is not None and self._launcher.is_on_trial
        if child.exit_code == EXIT_CONFIG and not is_on_trial:
            self._log("studio says that its configuration is wrong; its last lines say what")
            self._end(EXIT_CONFIG)
            return
        self._restart_later(child, lifetime_s)

    def _restart_later(self, child: Child, lifetime_s: float) -> None:
        if child.deliberate:
            self._backoff.reset()
        delay_s = 0.0 if child.deliberate else self._backoff.delay_s(lifetime_s)
        when = f"in {delay_s:.0f} s" if delay_s else "at once"
        self._log(f"{child.plan.name} starts again {when}")
        self._restart_at = time.monotonic() + delay_s

    def _answer_waiting(self, child: Child, status: dict[str, Any]) -> None:
        waiting, self._waiting[child.plan.name] = self._waiting[child.plan.name], []
        for reply in waiting:
            reply({"child": status})

    def _start(self, child: Child) -> None:
        """Raises OSError when the command cannot be run."""
        if child is self._studio:
            self._restart_at = None
        launcher = self._launcher if child is self._studio else None
        child.start(flags_of(child.plan, self._log), launcher.start() if launcher else None)
        assert child.pid is not None
        self._warden.guard(child.pid)
        place = f" on port {child.plan.port}" if child.plan.port else ""
        self._log(f"{child.plan.name} started, process {child.pid}{place}")

    def _end_trial(self, now: float) -> None:
        studio, launcher = self._studio, self._launcher
        if launcher is None or not launcher.is_late(now):
            return
        if launcher.leave_late() and studio is not None and self._ending is None:
            if studio.running:
                studio.signal(signal.SIGTERM, group=True)
                studio.kill_at = now + self._plan.limits.studio_grace_s
            elif self._restart_at is not None:
                self._restart_at = now

    def _try_start(self, child: Child) -> None:
        try:
            self._start(child)
        except OSError as error:
            self._log(f"{child.plan.name} cannot be started: {error}")
            if child is self._studio:
                if self._launcher is not None:
                    self._launcher.ended(0.0, asked=False)
                self._restart_later(child, 0.0)

    def _handle(self, request: Request, reply: Reply) -> None:
        if request.name is None:
            reply({"bootstrap": self._own_status(), "children": self._all_status()})
            return
        child = self._children.get(request.name)
        if child is None:
            known = ", ".join(self._children)
            raise Refusal("unknown_child", f"The children are {known}.")
        if request.verb == "start":
            self._handle_start(child)
        elif request.verb == "stop":
            self._log(f"asked to stop {request.name}")
            child.stop(self._plan.limits.stop_grace_s)
            if child is self._studio:
                self._restart_at = None
            if child.running:
                self._waiting[request.name].append(reply)
                return
        elif request.signal is not None:
            if not child.running:
                raise Refusal("not_running", f"{request.name} is not running.")
            self._log(f"asked to send {request.signal} to {request.name}")
            child.signal(signal.Signals[f"SIG{request.signal}"])
            if child is self._studio and request.signal == "TERM" and child.kill_at is None:
                # It asks so for its own restart; a thread that hangs would keep it from that.
                child.kill_at = time.monotonic() + self._plan.limits.studio_grace_s
        reply({"child": child.status()})

    def _handle_start(self, child: Child) -> None:
        name = child.plan.name
        if self._ending is not None:
            raise Refusal("stopping", "Everything is being stopped.")
        if child.stopping:
            raise Refusal("stopping", f"{name} is being stopped.")
        if child.running:
            return
        self._log(f"asked to start {name}")
        try:
            self._start(child)
        except OSError as error:
            raise Refusal("start_failed", f"{name} cannot be started: {error.strerror}.") from None

    def _own_status(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "start_time": start_time(os.getpid()),
            "state": "running" if self._ending is None else "stopping",
            "isolation": self._plan.isolation,
        }

    def _all_status(self) -> dict[str, Any]:
        return {name: child.status() for name, child in self._children.items()}

    def _sweep(self) -> None:
        """End what left its group and was adopted, and remove what a killed Studio left."""
        for pid in end_adopted(spare=self._warden.pid, timeout_s=_SWEEP_S):
            self._log(f"process {pid} was left behind, killed it")
        with contextlib.suppress(OSError):
            (self._plan.run_dir / _CONTROL_SOCKET).unlink()
