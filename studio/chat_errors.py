"""Refusals of conversations, below ``StudioError``.

Conflict
└── ReplyRunning            409  reply_running
Unprocessable
├── ModelSeesNoPictures     422  model_sees_no_pictures
└── InvalidChat             422  invalid_chat
TooManyRequests
└── TooManyReplies          429  too_many_replies
"""

from __future__ import annotations

from studio.errors import Conflict, TooManyRequests, Unprocessable


class ReplyRunning(Conflict):
    """A conversation has one reply at a time: stop it, or wait for its end."""

    code = "reply_running"


class ModelSeesNoPictures(Unprocessable):
    """The chosen model takes words alone."""

    code = "model_sees_no_pictures"


class InvalidChat(Unprocessable):
    """A field of a conversation, a message or a chat preset does not fit."""

    code = "invalid_chat"


class TooManyReplies(TooManyRequests):
    """So many replies are being written for the caller already."""

    code = "too_many_replies"
