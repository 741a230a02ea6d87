"""What bytes are: content types by their first bytes, and the size of images without decoding.

A name is believed only where the bytes leave a choice, so a page of HTML named ``cat.png`` is
``text/html`` and never reaches a browser as anything else.
"""

from __future__ import annotations

import codecs
import json
import posixpath
import re
import struct
import zlib
from pathlib import Path
from typing import Final

from PIL import Image

from studio.errors import Unprocessable
from studio.models import OutputType

MAX_IMAGE_SIDE: Final = 16_384
MAX_IMAGE_PIXELS: Final = MAX_IMAGE_SIDE * MAX_IMAGE_SIDE
UNKNOWN: Final = "application/octet-stream"
IMAGE_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""The only decoders that untrusted bytes reach."""

UNREADABLE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,
)
"""What Pillow raises on damaged files, warnings that were made errors included."""

# Pillow's own limit lies below ours and warns process-wide; every opener here checks the size
# itself before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

_PNG_HEADER: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_ACTIVE: Final = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "application/xml",
        "text/javascript",
        "text/css",
        "application/pdf",
    }
)
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"glTF", "model/gltf-binary"),
    (b"GGUF", "application/x-gguf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x93NUMPY", "application/x-npy"),
)
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_RIFF: Final = {
    b"WEBP": "image/webp",
    b"WAVE": "audio/wav",
    b"AVI ": "video/x-msvideo",
}
_TEXT_BY_SUFFIX: Final = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".vtt": "text/vtt",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".obj": "model/obj",
    ".mtl": "model/mtl",
    ".stl": "model/stl",
}
_BINARY_BY_SUFFIX: Final = {
    ".stl": "model/stl",
    ".ply": "model/x-ply",
    ".fbx": "model/x-fbx",
    ".splat": "model/x-splat",
    ".ksplat": "model/x-splat",
    ".spz": "model/x-splat",
    ".usdc": "model/x-usd",
}
_ZIP_BY_SUFFIX: Final = {
    ".usdz": "model/vnd.usdz+zip",
    ".3mf": "model/3mf",
}
_TAG: Final = re.compile(r"<(?:!doctype\b|!--|/?[a-z][a-z0-9-]*[\s/>])", re.IGNORECASE)
_HTML: Final = re.compile(
    r"<(?:!doctype\s+html|html|head|body|script|iframe|object|embed|form|style|meta|link|base|img)"
    r"[\s/>]",
    re.IGNORECASE,
)
_SVG: Final = re.compile(r"<(?:[a-z]+:)?svg[\s/>]|<!doctype\s+svg", re.IGNORECASE)
_SCRIPT: Final = re.compile(
    r"""(?:["']use\ strict["']|import\s[^;\n]+\sfrom\s|export\s+(?:default|const|function|class)\b
    |(?:async\s+)?function\s*\w*\s*\(|\(\s*(?:async\s*)?(?:function|\(\s*\))
    |(?:var|let|const)\s+[\w${\[]|(?:window|document|self|globalThis)[.\[]
    |(?:alert|eval|fetch|importScripts)\s*\()""",
    re.VERBOSE,
)


def sniff(head: bytes, name: str) -> str:
    """The content type of bytes.

    Args:
        head: the first 4 KiB, or all if there are fewer.
        name: the file's name; it decides only between types that the bytes allow.
    """
    suffix = posixpath.splitext(name)[1].lower()
    found = _binary(head, suffix)
    if found is not None:
        return found
    text = _text(head)
    if text is not None:
        return _text_type(text, suffix)
    return _BINARY_BY_SUFFIX.get(suffix, UNKNOWN)


def is_active(content_type: str) -> bool:
    """Whether a browser that shows this type could run what is in it."""
    return content_type in _ACTIVE


def output_type(content_type: str, hint: str = "") -> OutputType:
    """The kind of an output in v2's words.

    Args:
        content_type: as ``sniff`` found it.
        hint: the key under which the engine listed the output, such as ``images`` or ``latents``.
    """
    main = content_type.split("/", 1)[0]
    if content_type == "application/x-latent" or "latent" in hint.lower():
        return OutputType.LATENT
    if main in ("image", "video", "audio"):
        return OutputType(main)
    if main == "text" or content_type == "application/json":
        return OutputType.TEXT
    return OutputType.FILE


def probe_image(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels by the header alone; ``None`` if it is no image we can read.

    Raises:
        Unprocessable: the image has more than 16,384 pixels a side.
    """
    try:
        width, height = _png_size(path) or _image_size(path)
    except UNREADABLE:
        return None
    if max(width, height) > MAX_IMAGE_SIDE:
        raise Unprocessable(
            f"The image is too large: {width} x {height} pixels. "
            f"At most {MAX_IMAGE_SIDE} pixels a side are allowed.",
            details={"width": width, "height": height, "max_side": MAX_IMAGE_SIDE},
        )
    return width, height


def _png_size(path: Path) -> tuple[int, int] | None:
    """What nearly every output is: its header is first, before texts of any length."""
    with path.open("rb") as file:
        head = file.read(33)
    if not head.startswith(_PNG_HEADER) or head[29:33] != zlib.crc32(head[12:29]).to_bytes(4):
        return None
    width, height = struct.unpack_from(">II", head, 16)
    return (width, height) if width and height else None


def _image_size(path: Path) -> tuple[int, int]:
    with open_image(path) as image:
        return image.size


def open_image(path: Path) -> Image.Image:
    """Open an image without decoding it, with the few decoders that untrusted bytes may reach.

    Raises:
        UNREADABLE: one of these when it is not such an image or is damaged.
    """
    return Image.open(path, formats=IMAGE_FORMATS)


def _binary(head: bytes, suffix: str) -> str | None:
    for magic, content_type in _MAGIC:
        if head.startswith(magic):
            return content_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return _ogg(head)
    if head.startswith(b"PK\x03\x04"):
        return _ZIP_BY_SUFFIX.get(suffix, "application/zip")
    if head.startswith((b"ply\n", b"ply\r\n")):
        return "model/x-ply"
    if head.startswith(b"Kaydara FBX Binary"):
        return "model/x-fbx"
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if _is_safetensors(head):
        return "application/x-latent" if suffix == ".latent" else "application/x-safetensors"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and b"\0" in head[10:18]:
        return "image/bmp"
    return _loose(head, suffix)


def _loose(head: bytes, suffix: str) -> str | None:
    """Types whose first bytes are short enough to occur elsewhere: the name must agree."""
    if suffix == ".mp3" and len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "audio/mpeg"
    if suffix == ".ico" and head[:4] == b"\0\0\1\0":
        return "image/x-icon"
    if suffix == ".aac" and head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return None


def _iso_media(head: bytes) -> str:
    major = head[8:12]
    if major in _BRANDS:
        found = _BRANDS[major]
        compatible = head[16 : max(16, min(int.from_bytes(head[:4], "big"), 128))]
        return "image/avif" if found == "image/heif" and b"avif" in compatible else found
    return "video/mp4"


def _ogg(head: bytes) -> str:
    if b"OpusHead" in head[:128]:
        return "audio/ogg; codecs=opus"
    return "video/ogg" if b"theora" in head[:128] else "audio/ogg"


def _is_safetensors(head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return (
        len(head) > 9 and 2 <= length <= 100_000_000 and head[8:9] == b"{" and head[9:10] in b'" }'
    )


def _text(head: bytes) -> str | None:
    """The bytes as text, or ``None`` when they are not."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    if any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head):
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return decoder.decode(head)
    except UnicodeDecodeError:
        # Not UTF-8, yet a browser would read markup in it all the same.
        text = head.decode("latin-1")
        return text if _HTML.search(text) or text.lstrip().startswith("<") else None


def _text_type(text: str, suffix: str) -> str:
    start = text.lstrip()
    if start[:5].lower() == "<?xml" or _SVG.search(text):
        return "image/svg+xml" if _SVG.search(text) else "application/xml"
    if _HTML.search(text) or _TAG.match(start):
        return "application/xml" if suffix == ".xml" and not _HTML.search(text) else "text/html"
    if suffix in (".json", ".gltf") and start[:1] in ("{", "["):
        return "application/json" if suffix == ".json" else "model/gltf+json"
    if suffix in _TEXT_BY_SUFFIX:
        return _TEXT_BY_SUFFIX[suffix]
    if _is_json(start):
        return "application/json"
    return "text/javascript" if _SCRIPT.match(start) else "text/plain"


def _is_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
