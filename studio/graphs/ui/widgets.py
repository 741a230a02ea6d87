"""Which widgets the editor makes for a declared input, and with which values they begin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from studio.graphs.graph import is_number
from studio.graphs.ui.model import ABSENT, Node, Widget
from studio.graphs.ui.specs import Spec

DYNAMIC_COMBO: Final = "COMFY_DYNAMICCOMBO_V3"

_SEEDS: Final = ("seed", "noise_seed")
_SCENE_CLASSES: Final = frozenset(
    {
        "Preview3DAdvanced",
        "Save3DAdvanced",
        "PreviewGaussianSplat",
        "PreviewPointCloud",
        "SaveGaussianSplat",
        "SavePointCloud",
    }
)

Maker = Callable[[Node, Spec], Widget]


def add(node: Node, spec: Spec) -> Widget | None:
    """Adds the widget of a declared input, with what belongs to it; None when it has none."""
    maker = _MAKERS.get(spec.widget_type)
    return maker(node, spec) if maker else None


def has_widget(spec: Spec) -> bool:
    return spec.widget_type in _MAKERS


def corrected(widget: Widget, value: Any) -> Any:
    """A number as the editor rounds it when another node writes it into ``widget``."""
    spec = widget.spec
    if spec is None or not is_number(value) or not math.isfinite(value):
        return value
    if spec.widget_type == "INT":
        step = _number(spec, "step") or 1
        if step == 1 and isinstance(value, int):
            return value
        offset = math.fmod(_number(spec, "min"), step) if step != 1 else 0
        return _whole(math.floor((value - offset) / step + 0.5) * step + offset)
    if spec.widget_type != "FLOAT":
        return value
    digits = _digits(_number(spec, "step") or 0.5)
    grid = _number(spec, "round") or (10.0**-digits if digits else 0)
    if not grid:
        return value
    return within(spec, round(math.floor(value / grid + 0.5) * grid, digits))


def within(spec: Spec, value: Any) -> Any:
    """A number no smaller and no larger than its input admits."""
    least, most = spec.options.get("min"), spec.options.get("max")
    if is_number(least) and value < least:
        return least
    return most if is_number(most) and value > most else value


def _number(spec: Spec, name: str) -> float:
    found = spec.options.get(name)
    return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else 0


def _whole(value: float) -> float:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(step: float) -> int:
    return min(20, max(0, -math.floor(math.log10(step)))) if step > 0 else 0


def _control(node: Node, spec: Spec, begins: str) -> None:
    """The choice of what happens to a value after a run; saved, never sent."""
    asked = spec.options.get("control_after_generate")
    prefix = spec.options.get("control_prefix")
    name = f"{prefix} control_after_generate" if prefix else "control_after_generate"
    node.add_widget(
        asked if isinstance(asked, str) else name,
        "combo",
        asked if isinstance(asked, str) else begins,
        choices=["fixed", "increment", "decrement", "randomize"],
        sent=False,
    )


def _int(node: Node, spec: Spec) -> Widget:
    widget = node.add_widget(spec.name, "number", _default(spec, 0), spec=spec)
    asked = spec.options.get("control_after_generate")
    if asked or (asked is None and spec.name in _SEEDS):
        _control(node, spec, "randomize")
    return widget


def _float(node: Node, spec: Spec) -> Widget:
    widget = node.add_widget(spec.name, "number", _default(spec, 0), spec=spec)
    if spec.options.get("control_after_generate"):
        _control(node, spec, "fixed")
    return widget


def _string(node: Node, spec: Spec) -> Widget:
    kind = "customtext" if spec.options.get("multiline") else "text"
    return node.add_widget(spec.name, kind, _default(spec, ""), spec=spec)


def _combo(node: Node, spec: Spec) -> Widget:
    options = spec.options
    value = options.get("default") or (spec.choices[0] if spec.choices else ABSENT)
    if value is ABSENT and options.get("remote"):
        value = "Loading..."
    if options.get("multi_select"):
        return node.add_widget(spec.name, "custom", [], spec=spec)
    widget = node.add_widget(spec.name, "combo", value, choices=spec.choices, spec=spec)
    remote = options.get("remote")
    if isinstance(remote, Mapping) and remote.get("refresh_button"):
        node.add_widget("refresh", "button", ABSENT, sent=False)
    if options.get("control_after_generate"):
        _control(node, spec, "randomize")
        node.add_widget("control_filter_list", "string", "", sent=False)
    return widget


def _dynamic_combo(node: Node, spec: Spec) -> Widget:
    keys = [part["key"] for part in spec.choices if _is_part(part)]
    value = keys[0] if keys else ABSENT
    return node.add_widget(spec.name, "combo", value, choices=keys, spec=spec)


def _is_part(part: object) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("key"), str)


def _image_compare(node: Node, spec: Spec) -> Widget:
    return node.add_widget(spec.name, "imagecompare", ["", ""], saved=False)


def _bounding_box(node: Node, spec: Spec) -> Widget:
    begins = {"x": 0, "y": 0, "width": 512, "height": 512}
    found = spec.options.get("default")
    if isinstance(found, Mapping):
        begins |= found
    widget = node.add_widget(spec.name, "boundingbox", dict(begins))
    for side in ("x", "y", "width", "height"):
        node.add_widget(side, "number", begins[side], sent=False)
    return widget


def _curve(node: Node, spec: Spec) -> Widget:
    begins = {"points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic"}
    return node.add_widget(spec.name, "curve", _default(spec, begins))


def _video_edit(node: Node, spec: Spec) -> Widget:
    features = spec.options.get("features") or ["trim", "crop"]
    begins: dict[str, Any] = {}
    if "trim" in features:
        begins["trim"] = {"start_time": 0, "duration": 0}
    if "crop" in features:
        begins["crop"] = {"x": 0, "y": 0, "width": 0, "height": 0}
    return node.add_widget(spec.name, "videoedit", _default(spec, begins))


def _button(node: Node, spec: Spec) -> Widget:
    return node.add_widget(spec.name, "button", ABSENT, sent=False)


def _audio_player(node: Node, spec: Spec) -> Widget:
    return node.add_widget(spec.name, "audioUI", "", saved=False, sent=False)


def _recorder(node: Node, spec: Spec) -> Widget:
    widget = node.add_widget(spec.name, "audioUI", "")
    node.add_widget(spec.name, "button", "", sent=False)
    return widget


def _scene(node: Node, _: Spec) -> Widget:
    """The view of a 3D model; on loaders the buttons to upload one stand before it."""
    if node.widget("model_file"):
        node.add_widget("upload 3d model", "button", "upload3dmodel")
        node.add_widget("upload extra resources", "button", "uploadExtraResources")
        node.add_widget("clear", "button", "clear")
    name = "viewport_state" if node.type in _SCENE_CLASSES else "image"
    return node.add_widget(name, "load3D", "")


def _viewer(node: Node, spec: Spec) -> Widget:
    return node.add_widget(spec.name, "load3D", "")


def _plain(kind: str, begins: Callable[[], Any]) -> Maker:
    def make(node: Node, spec: Spec) -> Widget:
        return node.add_widget(spec.name, kind, _default(spec, begins()), spec=spec)

    return make


def _nested(kind: str, key: str, begins: Callable[[], Any]) -> Maker:
    """Widgets whose first value stands under ``options`` within their options."""

    def make(node: Node, spec: Spec) -> Widget:
        options = spec.options.get("options")
        found = options.get(key) if isinstance(options, Mapping) else None
        return node.add_widget(spec.name, kind, found or begins())

    return make


def _color(node: Node, spec: Spec) -> Widget:
    options = spec.options.get("options")
    found = options.get("default") if isinstance(options, Mapping) else None
    return node.add_widget(spec.name, "color", _default(spec, found or "#000000"))


def _default(spec: Spec, otherwise: Any) -> Any:
    found = spec.options.get("default")
    return otherwise if found is None else found


_MAKERS: Final[dict[str, Maker]] = {
    "INT": _int,
    "FLOAT": _float,
    "BOOLEAN": _plain("toggle", lambda: False),
    "STRING": _string,
    "MARKDOWN": _plain("MARKDOWN", str),
    "COMBO": _combo,
    DYNAMIC_COMBO: _dynamic_combo,
    "IMAGEUPLOAD": _button,
    "AUDIOUPLOAD": _button,
    "AUDIO_UI": _audio_player,
    "AUDIO_RECORD": _recorder,
    "WEBCAM": _plain("WEBCAM", str),
    "LOAD_3D": _scene,
    "LOAD_3D_ADVANCED": _viewer,
    "PREVIEW_3D": _viewer,
    "COLOR": _color,
    "IMAGECOMPARE": _image_compare,
    "BOUNDING_BOX": _bounding_box,
    "CHART": _nested("chart", "data", dict),
    "GALLERIA": _nested("galleria", "images", list),
    "PAINTER": _plain("painter", str),
    "COMPOSITOR": _plain("compositor", lambda: {"version": 1, "layers": []}),
    "TEXTAREA": _nested("textarea", "default", str),
    "CURVE": _curve,
    "RANGE": _plain("range", lambda: {"min": 0.0, "max": 1.0}),
    "VIDEO_EDIT": _video_edit,
    "BOUNDING_BOXES": _plain("boundingboxes", list),
    "COLORS": _plain("colors", list),
}
