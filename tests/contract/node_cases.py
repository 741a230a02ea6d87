"""Small graphs whose pictures were recorded from ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.contract.clients import Client, Graph

RECORDED = Path(__file__).with_name("node_results.json")

_LINKS: dict[str, list[Any]] = {
    "image": ["1", 0],
    "image1": ["1", 0],
    "image2": ["2", 0],
    "destination": ["1", 0],
    "source": ["2", 0],
}
_MASK_LINKS: dict[str, list[Any]] = {"mask": ["3", 0], "destination": ["3", 0], "source": ["4", 0]}

IMAGE_CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "invert": ("ImageInvert", {}, ("image",)),
    "batch": ("ImageBatch", {}, ("image1", "image2")),
    "repeat": ("RepeatImageBatch", {"amount": 2}, ("image",)),
    "pick": ("ImageFromBatch", {"batch_index": -1, "length": 3}, ("image",)),
    "blur": ("ImageBlur", {"blur_radius": 2, "sigma": 0.8}, ("image",)),
    "sharpen": ("ImageSharpen", {"sharpen_radius": 1, "sigma": 1.0, "alpha": 0.1}, ("image",)),
    **{
        f"blend {mode}": (
            "ImageBlend",
            {"blend_factor": 0.6, "blend_mode": mode},
            ("image1", "image2"),
        )
        for mode in ("normal", "multiply", "screen", "overlay", "soft_light", "difference")
    },
    "composite": (
        "ImageCompositeMasked",
        {"x": 3, "y": 1, "resize_source": False},
        ("destination", "source"),
    ),
    "composite under a mask": (
        "ImageCompositeMasked",
        {"x": 0, "y": 0, "resize_source": False, "mask": ["3", 0]},
        ("destination", "source"),
    ),
    "scale nearest": (
        "ImageScale",
        {"upscale_method": "nearest-exact", "width": 9, "height": 5, "crop": "disabled"},
        ("image",),
    ),
    "scale area": (
        "ImageScale",
        {"upscale_method": "area", "width": 3, "height": 2, "crop": "disabled"},
        ("image",),
    ),
    "scale bilinear": (
        "ImageScale",
        {"upscale_method": "bilinear", "width": 12, "height": 8, "crop": "disabled"},
        ("image",),
    ),
    "scale bicubic": (
        "ImageScale",
        {"upscale_method": "bicubic", "width": 4, "height": 9, "crop": "disabled"},
        ("image",),
    ),
    "scale lanczos": (
        "ImageScale",
        {"upscale_method": "lanczos", "width": 12, "height": 8, "crop": "disabled"},
        ("image",),
    ),
    "scale to a square": (
        "ImageScale",
        {"upscale_method": "nearest-exact", "width": 8, "height": 8, "crop": "center"},
        ("image",),
    ),
    "scale by": ("ImageScaleBy", {"upscale_method": "nearest-exact", "scale_by": 1.5}, ("image",)),
    "scale to a width": (
        "ImageScale",
        {"upscale_method": "area", "width": 3, "height": 0, "crop": "disabled"},
        ("image",),
    ),
    "crop": ("ImageCrop", {"width": 3, "height": 9, "x": 2, "y": 1}, ("image",)),
    "crop beyond": ("ImageCrop", {"width": 3, "height": 3, "x": 90, "y": 90}, ("image",)),
    "pad": (
        "ImagePadForOutpaint",
        {"left": 8, "top": 0, "right": 0, "bottom": 8, "feathering": 1},
        ("image",),
    ),
    **{
        f"rotate {rotation}": ("ImageRotate", {"rotation": rotation}, ("image",))
        for rotation in ("none", "90 degrees", "180 degrees", "270 degrees")
    },
    **{
        f"flip {method[0]}": ("ImageFlip", {"flip_method": method}, ("image",))
        for method in ("x-axis: vertically", "y-axis: horizontally")
    },
}
MASK_CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "invert a mask": ("InvertMask", {}, ("mask",)),
    "crop a mask": ("CropMask", {"x": 1, "y": 1, "width": 3, "height": 9}, ("mask",)),
    "threshold": ("ThresholdMask", {"value": 0.4}, ("mask",)),
    "feather": ("FeatherMask", {"left": 2, "top": 1, "right": 3, "bottom": 2}, ("mask",)),
    "grow": ("GrowMask", {"expand": 1, "tapered_corners": True}, ("mask",)),
    "grow square": ("GrowMask", {"expand": 2, "tapered_corners": False}, ("mask",)),
    "shrink": ("GrowMask", {"expand": -1, "tapered_corners": True}, ("mask",)),
    **{
        f"masks {operation}": (
            "MaskComposite",
            {"x": 2, "y": 1, "operation": operation},
            ("destination", "source"),
        )
        for operation in ("multiply", "add", "subtract", "and", "or", "xor")
    },
    "solid mask": ("SolidMask", {"value": 0.25, "width": 3, "height": 2}, ()),
}
CASES = sorted(IMAGE_CASES | MASK_CASES)


def prepare(client: Client) -> None:
    """Upload the two pictures that the graphs read."""
    folder = client.engine.home / "input"
    first, second = Image.new("RGB", (6, 4)), Image.new("RGB", (4, 4))
    for x in range(6):
        for y in range(4):
            first.putpixel((x, y), (40 * x + 10, 60 * y + 5, (x * 37 + y * 91) % 256))
    for x in range(4):
        for y in range(4):
            second.putpixel((x, y), ((x * 83 + y * 29) % 256, 255 - 50 * x, 200 - 40 * y))
    first.save(folder / "case one.png")
    second.save(folder / "case two.png")


def build(case: str) -> Graph:
    """Return the graph of a case."""
    masks = case in MASK_CASES
    class_type, values, links = (MASK_CASES if masks else IMAGE_CASES)[case]
    sources = _MASK_LINKS if masks else _LINKS
    graph: Graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "case one.png"}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "case two.png"}},
        "3": {"class_type": "ImageToMask", "inputs": {"image": ["1", 0], "channel": "blue"}},
        "4": {"class_type": "ImageToMask", "inputs": {"image": ["2", 0], "channel": "red"}},
        "5": {
            "class_type": class_type,
            "inputs": {name: sources[name] for name in links} | values,
        },
        "6": {"class_type": "MaskToImage", "inputs": {"mask": ["5", 0]}},
        "7": {"class_type": "PreviewImage", "inputs": {"images": ["6" if masks else "5", 0]}},
    }
    return graph


def pictures_of(client: Client, case: str) -> list[Any]:
    """Run a case and return its pictures as rows of pixels."""
    entry = client.run(build(case))
    assert entry["status"]["completed"], entry["status"]["messages"][-1]
    return [_rows(client.image(each)) for each in entry["outputs"]["7"]["images"]]


def recorded_pictures() -> dict[str, list[Any]]:
    """Return what ComfyUI made of every case."""
    recorded: dict[str, list[Any]] = json.loads(RECORDED.read_text())["cases"]
    return recorded


def _rows(image: Image.Image) -> list[list[list[int]]]:
    colors = image.convert("RGB")
    return [
        [list(colors.getpixel((x, y))) for x in range(colors.width)]  # type: ignore[arg-type]
        for y in range(colors.height)
    ]
