"""How long the job engine waits for what: one record, so that tests may hurry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Waiting times between Studio and its engines in seconds; the defaults are the product's.

    ``tick_s``: between two looks at an engine's health; cancels are repeated at this pace.
    ``quiet_s``: after this long without a frame an engine is asked about a prompt.
    ``lost_reply_s``: how long an engine must answer without knowing a prompt before it is resent,
    asked every ``reply_poll_s``.
    ``refusal_pause_s``: before a job is offered again to an engine that refused it.
    ``unresponsive_s``: without an answer for this long an engine gets no more work.
    ``status_due_s``: every submit causes a frame; without one for this long the socket is dead.
    ``rest_s``: how long an engine that refuses every job gets none; doubles up to twelve times it.
    Also how long one is left alone whose connection failed in a way that nobody foresaw.
    ``grace_s``: how long an engine has to let go of a job that is stuck; ComfyUI looks between two
    nodes, or two steps, whether it is to stop.
    ``backoff_s``: before the first restart of an engine that crashed; doubles each time.
    """

    tick_s: float = 1.0
    quiet_s: float = 2.0
    lost_reply_s: float = 10.0
    reply_poll_s: float = 0.5
    refusal_pause_s: float = 1.0
    unresponsive_s: float = 5.0
    status_due_s: float = 5.0
    rest_s: float = 5.0
    grace_s: float = 30.0
    backoff_s: float = 1.0
    editor_check_s: float = 30.0
    """How often an open WebSocket of the editor's is asked whether its visit goes on."""
    webhook_waits_s: tuple[float, ...] = (
        *(5.0, 300.0, 1_800.0, 7_200.0, 18_000.0),
        *(36_000.0, 50_400.0, 72_000.0, 86_400.0),
    )
    """Before each further attempt to tell a webhook something."""
    webhook_timeout_s: float = 15.0
    """How long one attempt may take."""
    webhook_progress_s: float = 1.0
    """Between two messages about the progress of one job."""
    webhook_disks_s: float = 300.0
    """Between two looks at how full the disks are."""
