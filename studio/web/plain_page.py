"""A page of one thought, for where nothing else of Studio's page is served."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; box-sizing: border-box; max-width: 26rem;
  min-height: 100vh; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.2; }
a { display: block; padding: .6rem; border-radius: .6rem; background: #5b4fd6; color: #fff;
  font-weight: 600; text-align: center; text-decoration: none; }
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">{refresh}
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{content}
</main>
</body>
</html>
"""
POLICY: Final = (
    b"default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'"
    % b64encode(sha256(_STYLE.encode()).digest())
)
"""The ``content-security-policy`` that lets nothing but the page's own style in."""


def plain_page(
    title: str,
    heading: str,
    *paragraphs: str,
    link: tuple[str, str] | None = None,
    again_s: int | None = None,
) -> bytes:
    """The page.

    Args:
        link: an address and what its button says.
        again_s: seconds after which the browser asks again.
    """
    content = [f"<p>{escape(each)}</p>" for each in paragraphs]
    if link is not None:
        content.append(f'<a href="{escape(link[0])}">{escape(link[1])}</a>')
    refresh = "" if again_s is None else f'\n<meta http-equiv="refresh" content="{again_s}">'
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        refresh=refresh,
        heading=escape(heading),
        content="\n".join(content),
    ).encode()
