"""What webhooks are told, and what signs it."""

from __future__ import annotations

import json
import time

from standardwebhooks.webhooks import Webhook as Reference

from studio.webhook_events import MAX_BODY_BYTES, body_of
from studio.webhook_signing import new_secret, signatures


def test_signatures_are_those_of_the_reference_library() -> None:
    first, second = new_secret(), new_secret()
    body, at_s = '{"type":"ping"}', int(time.time())
    both = signatures([first, second], "msg_1", at_s, body.encode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": both,
    }
    for secret in (first, second):
        assert Reference(secret).verify(body, headers) == {"type": "ping"}


def test_a_message_stays_below_twenty_kilobytes_whatever_it_is_about() -> None:
    outputs = [{"name": "ß" * 1000, "number": number} for number in range(20)]
    data = {"title": "A fox", "metadata": {"order": "7"}, "outputs": outputs, "outputs_total": 20}
    body = body_of("job.succeeded", 0, data)
    assert len(body.encode()) < MAX_BODY_BYTES
    said = json.loads(body)["data"]
    assert said["outputs"] == outputs[: len(said["outputs"])]
    assert len(said["outputs"]) == 9
    assert (said["metadata"], said["outputs_total"]) == ({"order": "7"}, 20)

    said = json.loads(body_of("job.failed", 0, {"metadata": {"a": "ß" * 10_000}, "outputs": []}))
    assert said["data"]["metadata"] == {}
