"""Tools for agents: the files that jobs made, and those that jobs are given."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcp_types import ContentBlock, ImageContent, ResourceLink

from studio.errors import InvalidRequest, NotFound, Unprocessable
from studio.models import Asset, Scope
from studio.services.assets import AssetService
from studio.services.jobs import JobService
from studio.services.library import LibraryService
from studio.services.picture_formats import PictureFormats
from studio.services.upload_fields import UploadFields
from studio.web.library_query import picture_filter
from studio.web.links import Links
from studio.web.mcp_door import MAX_UPLOAD
from studio.web.mcp_tools import ID, LIMIT, START, TEXT, Answer, Call, Tool

MAX_SIDE: Final = 2048
_SIDE: Final = 1024
_MOST_PICTURES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTools:
    """Tools over the services that know files."""

    jobs: JobService
    assets: AssetService
    library: LibraryService
    formats: PictureFormats
    links: Links

    def tools(self) -> list[Tool]:
        """All of them."""
        jobs, assets = Scope.JOBS, Scope.ASSETS
        return [
            Tool(
                "fetch_result",
                "What a job made, or one file by its asset_id: pictures as images, scaled down to "
                "max_side; anything else as a link that opens for an hour.",
                (jobs, assets),
                {
                    "job_id": ID,
                    "asset_id": ID,
                    "max_side": {
                        "type": "integer",
                        "minimum": 64,
                        "maximum": MAX_SIDE,
                        "default": _SIDE,
                    },
                },
                self._fetch_result,
            ),
            Tool(
                "add_image",
                "Store a picture of up to 3 MiB, to be given as a value: {'asset': its id}.",
                (assets,),
                {"data_base64": {"type": "string"}, "name": {"type": "string", "maxLength": 100}},
                self._add_image,
                ("data_base64",),
                reads=False,
            ),
            Tool(
                "search_library",
                "Files that were made or uploaded: by words of the prompt, model, seed, kind "
                "(image, video, audio, model3d, text, other), rating. Show one with fetch_result.",
                (assets,),
                {
                    "query": TEXT,
                    "kind": TEXT,
                    "model": TEXT,
                    "seed": {"type": "integer", "minimum": 0},
                    "rating": {"type": "integer", "minimum": 0, "maximum": 5},
                    "start": START,
                    "limit": LIMIT,
                },
                self._search_library,
            ),
        ]

    async def _fetch_result(self, call: Call, given: Mapping[str, Any]) -> Answer:
        job_id, asset_id = given.get("job_id"), given.get("asset_id")
        if (job_id is None) == (asset_id is None):
            raise InvalidRequest("Say one of job_id and asset_id.")
        if asset_id is not None:
            found: Sequence[Asset] = [await self.assets.get(call.identity, asset_id)]
        else:
            view = await self.jobs.get(call.identity, job_id or "")
            found = [asset for asset in view.outputs if asset.trashed_at is None]
            if not found:
                raise NotFound(f"This job has no results: it is {view.job.status.value}.")
        side = given.get("max_side", _SIDE)
        content = [
            await self._shown(call, asset, side if index < _MOST_PICTURES else None)
            for index, asset in enumerate(found)
        ]
        return Answer({"files": [self._file(call, asset) for asset in found]}, content)

    async def _shown(self, call: Call, asset: Asset, side: int | None) -> ContentBlock:
        """A picture itself while there are few; else a link to it."""
        name = asset.file_path.rpartition("/")[2]
        if side is not None and asset.content_type.startswith("image/"):
            _, path = await self.assets.open_content(call.identity, asset.id)
            try:
                data = await self.formats.converted(path, "webp", quality=85, longest_side=side)
            except Unprocessable:
                data = b""
            if data:
                text = base64.b64encode(data).decode("ascii")
                return ImageContent(type="image", data=text, mime_type="image/webp")
        url, _ = self.links.content_url(call.request, asset.id)
        return ResourceLink(
            type="resource_link",
            uri=url,
            name=name,
            mime_type=asset.content_type,
            size=asset.size_bytes,
        )

    def _file(self, call: Call, asset: Asset) -> dict[str, Any]:
        return {
            "asset_id": asset.id,
            "name": asset.file_path.rpartition("/")[2],
            "content_type": asset.content_type,
            "size_bytes": asset.size_bytes,
            "url": self.links.content_url(call.request, asset.id)[0],
        }

    async def _add_image(self, call: Call, given: Mapping[str, Any]) -> Answer:
        try:
            data = base64.b64decode(given["data_base64"], validate=True)
        except ValueError as error:
            raise Unprocessable("data_base64 is not base64.") from error
        if not 0 < len(data) <= MAX_UPLOAD:
            raise Unprocessable(f"A picture has 1 to {MAX_UPLOAD:,} bytes.")

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        fields = UploadFields(file_path=given.get("name") or "picture.png")
        asset, _ = await self.assets.upload(call.identity, chunks(), fields)
        if not asset.content_type.startswith("image/"):
            await self.assets.delete(call.identity, asset.id)
            raise Unprocessable("This is no picture.")
        return Answer(self._file(call, asset))

    async def _search_library(self, call: Call, given: Mapping[str, Any]) -> Answer:
        names = {"query": "q"}
        query = {names.get(name, name): str(value) for name, value in given.items()}
        query.setdefault("limit", "20")
        found, total = await self.library.page(call.identity, picture_filter(query))
        items = [
            {
                "asset_id": one.id,
                "job_id": one.job_id,
                "kind": one.kind,
                "name": one.file_path.rpartition("/")[2],
                "title": one.title,
                "prompt": one.prompt,
                "width": one.width,
                "height": one.height,
                "seed": one.seed,
                "rating": one.rating,
            }
            for one in found
        ]
        return Answer({"items": items, "total": total})
