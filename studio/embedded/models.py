"""The routes that say which node classes and model files there are."""

from __future__ import annotations

from pathlib import PurePath

from aiohttp import web

from studio.embedded.folders import Folders
from studio.embedded.nodes_models import BUILT_IN
from studio.embedded.registry import REGISTRY

_NO_FILES = frozenset({"pixel_space"})
"""Built-in choices that ComfyUI knows as well, and does not count as files."""
_FOLDERS = (
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "latent_upscale_models",
    "custom_nodes",
    "datasets",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
    "background_removal",
    "frame_interpolation",
    "geometry_estimation",
    "optical_flow",
    "detection",
)


class ModelRoutes:
    """Node classes and model files, those that are built in and those in the folders."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/object_info", self._list_classes),
            web.get("/object_info/{node_class}", self._show_class),
            web.get("/models", self._list_folders),
            web.get("/models/{folder}", self._list_files),
            web.get("/embeddings", self._list_embeddings),
        ]

    async def _list_classes(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {name: node_class.info(self._folders) for name, node_class in REGISTRY.items()}
        )

    async def _show_class(self, request: web.Request) -> web.Response:
        name = request.match_info["node_class"]
        node_class = REGISTRY.get(name)
        return web.json_response(
            {} if node_class is None else {name: node_class.info(self._folders)}
        )

    async def _list_folders(self, _request: web.Request) -> web.Response:
        return web.json_response(_FOLDERS)

    async def _list_files(self, request: web.Request) -> web.Response:
        folder = request.match_info["folder"]
        if folder not in _FOLDERS:
            return web.Response(status=404)
        built_in = [name for name in BUILT_IN.get(folder, ()) if name not in _NO_FILES]
        return web.json_response([*built_in, *self._folders.model_files(folder)])

    async def _list_embeddings(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [PurePath(name).stem for name in self._folders.model_files("embeddings")]
        )
