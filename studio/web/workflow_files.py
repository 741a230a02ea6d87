"""Files that people bring in one request: as the body itself, or as a form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from studio.errors import InvalidRequest, PayloadTooLarge
from studio.store.workflow_folders import BLOCKS, MANIFEST
from studio.web.caller import read_body
from studio.web.multipart import FormReader

MAX_FILES_BYTES: Final = 32 * 1024 * 1024


async def brought_files(request: Request) -> dict[str, bytes]:
    """The files of a request by name: one of any name, or those of a workflow folder.

    Raises:
        InvalidRequest: there is none, or the form is broken.
        PayloadTooLarge.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        data = await read_body(request)
        if not data:
            raise InvalidRequest("Send the file as the body, or in a form.")
        return {request.query_params.get("name", "")[:200] or "workflow.json": data}
    files: dict[str, bytes] = {}
    total = 0
    async for part in FormReader(_stream(request), kind).parts():
        content = bytearray()
        async for chunk in part.chunks():
            content += chunk
            total += len(chunk)
            if total > MAX_FILES_BYTES:
                raise PayloadTooLarge(f"At most {MAX_FILES_BYTES // 2**20} MiB in one request.")
        files[_place(part.file_name or part.name)] = bytes(content)
    if not files:
        raise InvalidRequest("The form has no file.")
    if len(files) > 1 and MANIFEST not in files:
        raise InvalidRequest(f"Several files make a workflow only together with {MANIFEST}.")
    return files


def _place(name: str) -> str:
    """A file's name inside a workflow folder, whatever folders it lay in."""
    parts = name.replace("\\", "/").split("/")
    if len(parts) > 1 and parts[-2] == BLOCKS:
        return f"{BLOCKS}/{parts[-1]}"
    return parts[-1]


async def _stream(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole form came.") from error
