"""``webhook_url`` of a job: where it is told about, of what, and what signs that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.errors import Unprocessable
from studio.models import JobWebhook
from studio.services.webhooks import MAX_EVENTS, MAX_URL
from studio.web.caller import optional_text
from studio.webhook_events import JOB_ENDS, OF_JOBS, unknown_events
from studio.webhook_signing import checked_secret

FIELDS: Final = frozenset({"webhook_url", "webhook_events", "webhook_secret"})
_MAX_SECRET: Final = 100


def job_webhook(body: Mapping[str, Any]) -> JobWebhook | None:
    """Those fields of a body.

    Raises:
        Unprocessable: they make no sense. The message holds no secret.
    """
    url = optional_text(body, "webhook_url", MAX_URL)
    events, secret = body.get("webhook_events"), body.get("webhook_secret")
    if url is None:
        if events is not None or secret is not None:
            raise Unprocessable("webhook_events and webhook_secret need a webhook_url.")
        return None
    if events is None:
        events = list(JOB_ENDS)
    if (
        not isinstance(events, list)
        or not 0 < len(events) <= MAX_EVENTS
        or not all(isinstance(each, str) for each in events)
        or unknown_events(events, OF_JOBS)
    ):
        raise Unprocessable(
            f"webhook_events is a list of some of: {', '.join(OF_JOBS)}.",
            details={"field": "webhook_events"},
        )
    if secret is not None and (not isinstance(secret, str) or len(secret) > _MAX_SECRET):
        raise Unprocessable("webhook_secret must be a string.", details={"field": "webhook_secret"})
    return JobWebhook(url, tuple(events), None if secret is None else checked_secret(secret))
