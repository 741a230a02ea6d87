"""What a check found, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "OK"
    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """``fix`` says what to do, or could be done; empty when all is well."""

    subject: str
    level: Level
    message: str
    fix: str = ""


def ok(subject: str, message: str) -> Finding:
    return Finding(subject, Level.OK, message)


def info(subject: str, message: str, fix: str = "") -> Finding:
    return Finding(subject, Level.INFO, message, fix)


def warn(subject: str, message: str, fix: str) -> Finding:
    return Finding(subject, Level.WARN, message, fix)


def fail(subject: str, message: str, fix: str) -> Finding:
    return Finding(subject, Level.FAIL, message, fix)
