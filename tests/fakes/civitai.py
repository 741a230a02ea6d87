"""A server on loopback that answers as Civitai does, with its bytes on another port."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.hub import running
from tests.fakes.origin import Origin, running_origin


@dataclass
class Civitai:
    """Models and pictures by their ids; every request is recorded: path, query, authorization."""

    origin: Origin
    base: str = ""
    keys: set[str] = field(default_factory=set)
    models: dict[int, dict[str, Any]] = field(default_factory=dict)
    images: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[int, bytes] = field(default_factory=dict)
    """The bytes of files, by their ids."""
    members_only: set[int] = field(default_factory=set)
    early_access: set[int] = field(default_factory=set)
    """Versions that only members, or only buyers, may download."""
    answers: dict[str, web.Response] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str | None]] = field(default_factory=list)

    def forced(
        self, path: str, status: int, body: str = "", kind: str = "application/json", **headers: str
    ) -> None:
        self.answers[path] = web.Response(
            status=status, text=body, content_type=kind, headers=headers
        )

    def add_model(self, model_id: int, *versions: dict[str, Any], **facts: Any) -> dict[str, Any]:
        """A model in the shape of ``/api/v1/models/{id}``."""
        model = {
            "id": model_id,
            "name": "Ink and Wash",
            "description": "<p>Paints with <b>ink</b>.</p>",
            "allowNoCredit": False,
            "allowCommercialUse": ["Image", "RentCivit"],
            "allowDerivatives": True,
            "allowDifferentLicense": True,
            "type": "LORA",
            "minor": False,
            "poi": False,
            "nsfw": False,
            "nsfwLevel": 1,
            "availability": "Public",
            "creator": {"username": "somebody", "image": None},
            "tags": ["style", "ink"],
            "stats": {"downloadCount": 10, "thumbsUpCount": 3},
            "modelVersions": list(versions),
            **facts,
        }
        self.models[model_id] = model
        return model

    def version(
        self, version_id: int, *files: tuple[int, str, bytes], **facts: Any
    ) -> dict[str, Any]:
        """A version with its files: the first of them is the main one."""
        made = []
        for number, (file_id, name, content) in enumerate(files):
            self.contents[file_id] = content
            sha256 = hashlib.sha256(content).hexdigest().upper()
            made.append(
                {
                    "id": file_id,
                    "sizeKB": round(len(content) / 1024, 2),
                    "name": name,
                    "type": "Model",
                    "pickleScanResult": "Success",
                    "pickleScanMessage": "No Pickle imports",
                    "virusScanResult": "Success",
                    "metadata": {"format": "SafeTensor", "size": "pruned", "fp": "fp16"},
                    "hashes": {"AutoV2": sha256[:10], "SHA256": sha256, "CRC32": "0A0B0C0D"},
                    "downloadUrl": f"https://civitai.com/api/download/models/{version_id}",
                    **({"primary": True} if number == 0 else {}),
                }
            )
        return {
            "id": version_id,
            "name": "v1.0",
            "baseModel": "SDXL 1.0",
            "baseModelType": "Standard",
            "air": f"urn:air:sdxl:lora:civitai:1@{version_id}",
            "status": "Published",
            "availability": "Public",
            "usageControl": "Download",
            "trainedWords": ["inkwash", "ink wash style"],
            "earlyAccessEndsAt": None,
            "description": None,
            "files": made,
            "images": [],
            "downloadUrl": f"https://civitai.com/api/download/models/{version_id}",
            **facts,
        }

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        held = request.headers.get("Authorization")
        self.asked.append((request.path, dict(request.query), held))
        for path, said in self.answers.items():
            if request.path.startswith(path):
                return web.Response(status=said.status, headers=said.headers, body=said.body or b"")
        key = None if held is None else held.removeprefix("Bearer ")
        match request.path.strip("/").split("/"):
            case ["api", "v1", *_] if key is not None and key not in self.keys:
                return web.json_response({"error": "Unauthorized"}, status=401)
            case ["api", "v1", "models"]:
                return self._search(request)
            case ["api", "v1", "models", number] if int(number) in self.models:
                return web.json_response(self.models[int(number)])
            case ["api", "v1", "model-versions", "by-hash", digest]:
                return self._found(self._by_hash(digest.upper()))
            case ["api", "v1", "model-versions", number]:
                return self._found(self._version(int(number)))
            case ["api", "v1", "images"]:
                return self._images(request)
            case ["api", "download", "models", number]:
                return self._download(request, int(number), key)
        return web.json_response({"error": f"No model with id {request.path}"}, status=404)

    def _all(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [
            (model, version) for model in self.models.values() for version in model["modelVersions"]
        ]

    def _version(self, version_id: int) -> dict[str, Any] | None:
        for model, version in self._all():
            if version["id"] == version_id:
                facts = {name: model[name] for name in ("name", "type", "nsfw", "poi")}
                return {**version, "modelId": model["id"], "model": facts}
        return None

    def _by_hash(self, digest: str) -> dict[str, Any] | None:
        for _, version in self._all():
            if any(digest in file["hashes"].values() for file in version["files"]):
                return self._version(version["id"])
        return None

    def _found(self, version: dict[str, Any] | None) -> web.Response:
        if version is None:
            return web.json_response({"error": "Model not found"}, status=404)
        return web.json_response(version)

    def _search(self, request: web.Request) -> web.Response:
        words = request.query.get("query", "").lower()
        found = [
            model
            for model in self.models.values()
            if words in model["name"].lower()
            or any(
                words in file["name"].lower()
                for version in model["modelVersions"]
                for file in version["files"]
            )
        ]
        return web.json_response({"items": found, "metadata": {"pageSize": 10}})

    def _images(self, request: web.Request) -> web.Response:
        found = self.images
        if "imageId" in request.query:
            found = [one for one in found if one["id"] == int(request.query["imageId"])]
        if "modelVersionId" in request.query:
            version = int(request.query["modelVersionId"])
            found = [one for one in found if version in one["modelVersionIds"]]
        start, limit = int(request.query.get("cursor", "0")), int(request.query.get("limit", "100"))
        page = found[start : start + limit]
        after = start + limit
        metadata = {"nextCursor": str(after)} if after < len(found) else {}
        return web.json_response({"items": page, "metadata": metadata})

    def _download(self, request: web.Request, version_id: int, key: str | None) -> web.Response:
        version = self._version(version_id)
        if version is None:
            return web.json_response({"error": "Model not found"}, status=404)
        if version_id in self.members_only and key not in self.keys:
            page = "/login?returnUrl=%2Fmodels%2F1&reason=download-auth"
            return web.Response(status=307, headers={"Location": page})
        if version_id in self.early_access:
            message = "This asset is in Early Access. You can use it by buying access."
            said = {"error": "Forbidden", "message": message}
            return web.json_response(said, status=403)
        files = version["files"]
        chosen = int(request.query.get("fileId", files[0]["id"]))
        self.origin.serve(f"civitai/{chosen}", self.contents[chosen])
        place = self.origin.url(f"civitai/{chosen}?X-Amz-Expires=86400&X-Amz-Signature=s")
        return web.Response(status=307, headers={"Location": place})


@contextlib.asynccontextmanager
async def running_civitai() -> AsyncIterator[Civitai]:
    """A Civitai and the origin of its bytes."""
    async with running_origin() as origin:
        civitai = Civitai(origin)
        async with running(civitai.app()) as civitai.base:
            yield civitai
