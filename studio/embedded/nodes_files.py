"""Nodes that load, save and show pictures."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageSequence

from studio.embedded.context import Context
from studio.embedded.declarations import (
    Input,
    NodeClass,
    Result,
    choice,
    flag,
    integer,
    number,
    socket,
    text,
)
from studio.embedded.folders import Folders
from studio.embedded.pictures import save_animated_png, save_animated_webp, save_pngs
from studio.embedded.pixels import Pixels, from_image

_CHANNELS = ("alpha", "red", "green", "blue")
_WEBP_METHODS = {"default": 4, "fastest": 0, "slowest": 6}
_PREVIEW_PREFIX = "ComfyUI_temp_"


def _load(context: Context, name: str) -> tuple[Pixels, Pixels]:
    pictures: list[Pixels] = []
    masks: list[Pixels] = []
    with Image.open(context.folders.locate(name)) as file:
        context.claim(getattr(file, "n_frames", 1), file.height, file.width, 4)
        for frame in ImageSequence.Iterator(file):
            upright = ImageOps.exif_transpose(frame)
            picture = from_image(upright.convert("RGB"))
            if pictures and picture.shape != pictures[0].shape:
                continue
            pictures.append(picture)
            masks.append(_mask_of(upright))
    return np.stack(pictures), np.stack(masks)


def _mask_of(image: Image.Image) -> Pixels:
    if "A" in image.getbands():
        return 1.0 - np.asarray(image.getchannel("A"), dtype=np.float32) / np.float32(255.0)
    if "transparency" in image.info:
        return _mask_of(image.convert("RGBA"))
    return np.zeros((64, 64), dtype=np.float32)


def _run_load_image(context: Context, image: str) -> Result:
    return Result(_load(context, image))


def _run_load_mask(context: Context, image: str, channel: str) -> Result:
    pixels, mask = _load(context, image)
    if channel == "alpha":
        return Result((mask,))
    return Result((pixels[..., _CHANNELS.index(channel) - 1].copy(),))


def _hash_file(folders: Folders, image: str, **_other: Any) -> str:
    return hashlib.sha256(folders.locate(image).read_bytes()).hexdigest()


def _check_file(folders: Folders, image: str) -> bool | str:
    return folders.holds(image) or f"Invalid image file: {image}"


def _run_save(context: Context, images: Pixels, filename_prefix: str = "ComfyUI") -> Result:
    return Result((images,), {"images": list(save_pngs(context, images, filename_prefix))})


def _run_preview(context: Context, images: Pixels) -> Result:
    prefix = f"{_PREVIEW_PREFIX}{context.temp_mark}"
    saved = save_pngs(context, images, prefix, kind="temp", compress_level=1)
    return Result((images,), {"images": list(saved)})


def _run_preview_mask(context: Context, mask: Pixels) -> Result:
    context.claim(*mask.shape, 3)
    pictures = np.repeat(mask.reshape(-1, *mask.shape[-2:])[..., None], 3, axis=-1)
    return Result((mask,), _run_preview(context, pictures).ui)


def _run_save_webp(
    context: Context,
    images: Pixels,
    filename_prefix: str,
    fps: float,
    lossless: bool,
    quality: int,
    method: str,
) -> Result:
    saved = save_animated_webp(
        context,
        images,
        filename_prefix,
        fps=fps,
        lossless=lossless,
        quality=quality,
        method=_WEBP_METHODS[method],
    )
    return Result((images,), _shown_animation(saved, len(images)))


def _run_save_apng(
    context: Context, images: Pixels, filename_prefix: str, fps: float, compress_level: int
) -> Result:
    saved = save_animated_png(
        context, images, filename_prefix, fps=fps, compress_level=compress_level
    )
    return Result((images,), _shown_animation(saved, len(images)))


def _shown_animation(saved: dict[str, str], frames: int) -> dict[str, list[Any]]:
    shown: dict[str, list[Any]] = {"images": [saved]}
    if frames > 1:
        shown["animated"] = [True]
    return shown


_IMAGE_FILE = Input("image", [], {"image_upload": True}, listing=Folders.input_images)
_OUTPUT_FILE = Input(
    "image",
    "COMBO",
    {
        "image_upload": True,
        "image_folder": "output",
        "remote": {
            "route": "/internal/files/output",
            "refresh_button": True,
            "control_after_refresh": "first",
        },
    },
)
_ANIMATION_INPUTS = (
    socket("images", "IMAGE"),
    text("filename_prefix", default="ComfyUI", multiline=False),
    number("fps", 6.0, 0.01, 1000.0),
)

NODES = (
    NodeClass(
        name="LoadImage",
        display_name="Load Image",
        category="image",
        run=_run_load_image,
        inputs=(_IMAGE_FILE,),
        outputs=("IMAGE", "MASK"),
        essentials="Basics",
        fingerprint=_hash_file,
        check=_check_file,
        checked=("image",),
    ),
    NodeClass(
        name="LoadImageMask",
        display_name="Load Image (as Mask)",
        category="image",
        run=_run_load_mask,
        inputs=(_IMAGE_FILE, choice("channel", _CHANNELS)),
        outputs=("MASK",),
        essentials="Image Tools",
        fingerprint=_hash_file,
        check=_check_file,
        checked=("image",),
    ),
    NodeClass(
        name="LoadImageOutput",
        display_name="Load Image (from Outputs)",
        category="image",
        run=_run_load_image,
        inputs=(_OUTPUT_FILE,),
        outputs=("IMAGE", "MASK"),
        experimental=True,
        essentials="Basics",
        description="Loads a picture of the output folder.",
        fingerprint=_hash_file,
        check=_check_file,
        checked=("image",),
    ),
    NodeClass(
        name="SaveImage",
        display_name="Save Image",
        category="image",
        run=_run_save,
        inputs=(
            Input("images", "IMAGE", {"tooltip": "The pictures that are saved."}),
            text("filename_prefix", default="ComfyUI", tooltip="How the names of the files begin."),
        ),
        outputs=("IMAGE",),
        output_names=("images",),
        output_node=True,
        keeps_metadata=True,
        essentials="Basics",
        description="Saves pictures to the output folder.",
    ),
    NodeClass(
        name="PreviewImage",
        display_name="Preview Image",
        category="image",
        run=_run_preview,
        inputs=(socket("images", "IMAGE"),),
        outputs=("IMAGE",),
        output_names=("images",),
        output_node=True,
        keeps_metadata=True,
        essentials="Basics",
        description="Shows pictures without keeping them.",
    ),
    NodeClass(
        name="MaskPreview",
        display_name="Preview Mask",
        category="image/mask",
        run=_run_preview_mask,
        inputs=(socket("mask", "MASK"),),
        outputs=("MASK",),
        output_names=("mask",),
        module="comfy_extras.nodes_mask",
        modern=True,
        output_node=True,
        keeps_metadata=True,
        description="Shows masks without keeping them.",
    ),
    NodeClass(
        name="SaveAnimatedWEBP",
        display_name="Save Animated WEBP",
        category="image",
        run=_run_save_webp,
        inputs=(
            *_ANIMATION_INPUTS,
            flag("lossless", default=True),
            integer("quality", 80, 0, 100, None),
            choice("method", tuple(_WEBP_METHODS)),
        ),
        outputs=("IMAGE",),
        output_names=("images",),
        module="comfy_extras.nodes_images",
        modern=True,
        output_node=True,
        keeps_metadata=True,
    ),
    NodeClass(
        name="SaveAnimatedPNG",
        display_name="Save Animated PNG",
        category="image",
        run=_run_save_apng,
        inputs=(*_ANIMATION_INPUTS, integer("compress_level", 4, 0, 9, None, advanced=True)),
        outputs=("IMAGE",),
        output_names=("images",),
        module="comfy_extras.nodes_images",
        modern=True,
        output_node=True,
        keeps_metadata=True,
    ),
)
