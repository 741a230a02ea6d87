"""What changes about conversations and films, told to whoever's they are: they look again then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from studio.services.news import Topic

Tell = Callable[..., None]
"""``Feed.tell``."""

CHANGED: Final = "changed"
REMOVED: Final = "removed"


class ChatNews:
    """Names what changed, and says nothing of what is in it.

    Args:
        tell: tells every page of a user's.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def changed(self, user_id: str, conversation_id: str, *, is_writing: bool = False) -> None:
        """A conversation is new, or another: its title, its manner, what was said in it."""
        data = {"id": conversation_id, "writing": is_writing}
        self._tell(Topic.CHATS, CHANGED, data, user_id=user_id)

    def removed(self, user_id: str, conversation_id: str) -> None:
        """A conversation is gone."""
        self._tell(Topic.CHATS, REMOVED, {"id": conversation_id}, user_id=user_id)

    def film(self, user_id: str, film_id: str) -> None:
        """A film is new, another, or gone."""
        self._tell(Topic.CHATS, "film", {"id": film_id}, user_id=user_id)
