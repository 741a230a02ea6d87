"""Addresses for people, as the console prints them."""

from __future__ import annotations

from studio.cli.console import BASE_URL
from studio.settings import Settings


def public_link(url: str, settings: Settings) -> str:
    """A link of Studio's own with the address where people reach it.

    Asked over its socket, Studio knows that address only from ``STUDIO_PUBLIC_URL``.
    """
    path = url.removeprefix(BASE_URL)
    return url if path == url else settings.own_url + path
