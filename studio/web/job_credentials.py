"""``credentials`` of a job: how the models may be fetched that its graph names by their address."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from studio.errors import Unprocessable
from studio.services.download_credentials import Credential, Kind
from studio.web.openapi import STRING, Schema, array, record

MAX_CREDENTIALS: Final = 16
_PATTERN: Final = re.compile(r"https?://[^/*?\s@]+/[!-~]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE: Final = re.compile(r"[\x20-\x7e]{1,4096}")
_OWN_HEADERS: Final = frozenset(
    {"host", "range", "if-range", "connection", "content-length", "transfer-encoding"}
    | {"accept-encoding", "expect", "upgrade", "te", "trailer"}
)
_FIELDS: Final = {
    # (what it is called, its value) for each kind
    "bearer": (None, "token"),
    "basic": ("username", "password"),
    "header": ("header_name", "header_value"),
    "query": ("query_param", "query_value"),
}
_NAMES: Final = frozenset(name for pair in _FIELDS.values() for name in pair if name)

SCHEMA: Final[Schema] = {
    **array(
        record(
            {
                "url_pattern": {
                    **STRING,
                    "description": "The addresses that it is for: `*` is anything but `/`, `**` "
                    "anything, `?` one character; none of them in the host.",
                },
                "auth": {
                    **record(
                        {
                            "type": {"type": "string", "enum": list(_FIELDS)},
                            **dict.fromkeys(sorted(_NAMES), STRING),
                            "secret": {
                                **STRING,
                                "description": "A stored secret, in place of the value.",
                            },
                        },
                        required=("type",),
                    ),
                    "additionalProperties": False,
                },
            }
        )
    ),
    "maxItems": MAX_CREDENTIALS,
    "description": "For models that are named by their address. Held in memory, never stored.",
}


def download_credentials(value: object) -> tuple[Credential, ...]:
    """The field of a body.

    Raises:
        Unprocessable: it makes no sense. The message holds none of its values.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_CREDENTIALS:
        raise _wrong(f"must be a list of at most {MAX_CREDENTIALS}.")
    return tuple(_credential(each) for each in value)


def _credential(value: object) -> Credential:
    if not isinstance(value, dict) or value.keys() != {"url_pattern", "auth"}:
        raise _wrong("have a url_pattern and an auth each, and nothing else.")
    pattern, auth = value["url_pattern"], value["auth"]
    if not isinstance(pattern, str) or len(pattern) > 2000 or not _PATTERN.fullmatch(pattern):
        raise _wrong("need a url_pattern such as https://example.org/models/**.")
    if not isinstance(auth, dict) or auth.get("type") not in get_args(Kind):
        raise _wrong(f"need an auth whose type is one of {', '.join(_FIELDS)}.")
    kind: Kind = auth["type"]
    name_field, value_field = _FIELDS[kind]
    given = {"secret", value_field} & auth.keys()
    if auth.keys() - {"type", name_field, "secret", value_field} or len(given) != 1:
        wanted = [name for name in (name_field, value_field) if name]
        raise _wrong(f"of type {kind} take {' and '.join(wanted)}, or secret as the value.")
    name, text = _name(auth, kind, name_field), auth[given.pop()]
    if not isinstance(text, str) or not _VALUE.fullmatch(text):
        raise _wrong("take values of 1 to 4096 visible characters.")
    if "secret" in auth:
        return Credential(pattern, kind, name, secret=text)
    return Credential(pattern, kind, name, text)


def _name(auth: dict[str, Any], kind: Kind, field: str | None) -> str:
    name = auth.get(field, "") if field else ""
    if field is None:
        return ""
    fits = isinstance(name, str) and _VALUE.fullmatch(name) and len(name) <= 100
    if kind == "header":
        fits = fits and _HEADER.fullmatch(name) and name.lower() not in _OWN_HEADERS
    if kind == "basic":
        fits = fits and ":" not in name
    if not fits:
        raise _wrong(f"of type {kind} need a {field} that can be one.")
    return str(name)


def _wrong(words: str) -> Unprocessable:
    return Unprocessable(f"credentials {words}", details={"field": "credentials"})
