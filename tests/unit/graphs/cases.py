"""Graphs and the verdict of real ComfyUI on each; see ``recorded`` for where they come from."""

from __future__ import annotations

from tests.unit.graphs.recorded import (
    ACCEPTED,
    PARTIAL,
    REFUSED,
    Case,
    changed,
    extended,
    node,
    picture,
    text_to_image,
)

SAVE = {"filename_prefix": "x"}
TO_SAVE = node("SaveImage", images=["1", 0], **SAVE)

CASES = [
    Case("default workflow", text_to_image(), ACCEPTED),
    Case("unknown input", changed("9", nonsense=[1, 2, 3]), ACCEPTED),
    Case("numbers as text", changed("3", steps="20", cfg="7.5"), ACCEPTED),
    Case("fraction for INT", changed("3", steps=20.9), ACCEPTED),
    Case("true for INT", changed("3", steps=True), ACCEPTED),
    Case("number as STRING", changed("6", text=5), ACCEPTED),
    Case("wrapped value", changed("6", text={"__value__": "fox"}), ACCEPTED),
    Case("object as STRING", changed("6", text={"a": 1}), ACCEPTED),
    Case("literal for MODEL", changed("3", model="not a model"), ACCEPTED),
    Case("negative output number", changed("6", clip=["4", -2]), ACCEPTED),
    Case("text for INT", changed("3", steps="x"), REFUSED, {"3": {"invalid_input_type"}}),
    Case("null for INT", changed("3", steps=None), REFUSED, {"3": {"invalid_input_type"}}),
    Case("object for FLOAT", changed("3", cfg={}), REFUSED, {"3": {"invalid_input_type"}}),
    Case("fraction as text", changed("3", steps="2.5"), REFUSED, {"3": {"invalid_input_type"}}),
    Case("below minimum", changed("3", steps=0), REFUSED, {"3": {"value_smaller_than_min"}}),
    Case("above maximum", changed("3", cfg=101), REFUSED, {"3": {"value_bigger_than_max"}}),
    Case("seed too big", changed("3", seed=2**64), REFUSED, {"3": {"value_bigger_than_max"}}),
    Case("unknown sampler", changed("3", sampler_name="x"), REFUSED, {"3": {"value_not_in_list"}}),
    Case(
        "absent checkpoint",
        changed("4", ckpt_name="sd_xl.safetensors"),
        REFUSED,
        {"4": {"missing_model"}},
    ),
    Case("missing input", changed("3", seed=...), REFUSED, {"3": {"required_input_missing"}}),
    Case("missing link", changed("9", images=...), REFUSED, {"9": {"required_input_missing"}}),
    Case("list of three", changed("3", model=["4", 0, 1]), REFUSED, {"3": {"bad_linked_input"}}),
    Case("empty list", changed("6", text=[]), REFUSED, {"6": {"bad_linked_input"}}),
    Case("link to nowhere", changed("3", model=["99", 0]), REFUSED, {"3": {"bad_linked_input"}}),
    Case("number as node", changed("3", model=[4, 0]), REFUSED, {"3": {"bad_linked_input"}}),
    Case("no such output", changed("3", model=["4", 3]), REFUSED, {"3": {"bad_linked_input"}}),
    Case(
        "fraction as output", changed("3", model=["4", 0.0]), REFUSED, {"3": {"bad_linked_input"}}
    ),
    Case("text as output", changed("3", model=["4", "0"]), REFUSED, {"3": {"bad_linked_input"}}),
    Case("wrong type", changed("3", model=["4", 1]), REFUSED, {"3": {"return_type_mismatch"}}),
    Case(
        "two faults",
        changed("3", steps=0, sampler_name="x"),
        REFUSED,
        {"3": {"value_smaller_than_min", "value_not_in_list"}},
    ),
    Case(
        "cycle",
        changed("8", samples=["8", 0]),
        REFUSED,
        {"8": {"return_type_mismatch", "dependency_cycle"}},
    ),
    Case(
        "longer cycle",
        {
            "1": node("ImageInvert", image=["2", 0]),
            "2": node("ImageInvert", image=["1", 0]),
            "3": node("PreviewImage", images=["2", 0]),
        },
        REFUSED,
        {"1": {"dependency_cycle"}, "2": {"dependency_cycle"}},
    ),
    Case("no output node", picture(), REFUSED),
    Case(
        "unknown class unused",
        extended(n10=node("NoSuchNode")),
        REFUSED,
        {"10": {"missing_node_type"}},
    ),
    Case(
        "invalid but unused",
        extended(n10=node("EmptyLatentImage", width=-5, height=512, batch_size=1)),
        ACCEPTED,
    ),
    Case(
        "one bad output of two",
        extended(n10=node("SaveImage", filename_prefix="y")),
        PARTIAL,
        {"10": {"required_input_missing"}},
    ),
    Case(
        "dynamic combo",
        picture(
            n2=node(
                "SaveImageAdvanced",
                images=["1", 0],
                format="png",
                **{"format.bit_depth": "8-bit", "format.input_color_space": "sRGB"},
                **SAVE,
            )
        ),
        ACCEPTED,
    ),
    Case(
        "dynamic part wrong",
        picture(
            n2=node(
                "SaveImageAdvanced",
                images=["1", 0],
                format="png",
                **{"format.bit_depth": "9-bit", "format.input_color_space": "sRGB"},
                **SAVE,
            )
        ),
        REFUSED,
        {"2": {"value_not_in_list"}},
    ),
    Case(
        "dynamic part missing",
        picture(
            n2=node(
                "SaveImageAdvanced",
                images=["1", 0],
                format="exr",
                **{"format.bit_depth": "32-bit float"},
                **SAVE,
            )
        ),
        REFUSED,
        {"2": {"required_input_missing"}},
    ),
    Case(
        "dynamic choice unknown",
        picture(n2=node("SaveImageAdvanced", images=["1", 0], format="bmp", **SAVE)),
        ACCEPTED,
    ),
    Case(
        "grown inputs",
        picture(
            n2=node("BatchImagesNode", **{"images.image0": ["1", 0], "images.image1": ["1", 0]}),
            n3=node("PreviewImage", images=["2", 0]),
        ),
        ACCEPTED,
    ),
    Case(
        "grown input missing",
        picture(
            n2=node("BatchImagesNode", **{"images.image1": ["1", 0]}),
            n3=node("PreviewImage", images=["2", 0]),
        ),
        REFUSED,
        {"2": {"required_input_missing"}},
    ),
    Case(
        "grown input of wrong type",
        picture(
            n2=node("BatchImagesNode", **{"images.image0": ["4", 0]}),
            n4=node("PrimitiveInt", value=1),
            n3=node("PreviewImage", images=["2", 0]),
        ),
        REFUSED,
        {"2": {"return_type_mismatch"}},
    ),
    Case(
        "any type",
        {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", 0])},
        ACCEPTED,
    ),
    Case(
        "union type",
        {
            "1": node("PrimitiveInt", value=1),
            "2": node("ComfyNumberConvert", value=["1", 0]),
            "3": node("PreviewAny", source=["2", 0]),
        },
        ACCEPTED,
    ),
    Case(
        "outside a union",
        {
            "1": node("EmptyImage", width=64, height=64, batch_size=1, color=0),
            "2": node("ComfyNumberConvert", value=["1", 0]),
            "3": node("PreviewAny", source=["2", 0]),
        },
        REFUSED,
        {"2": {"return_type_mismatch"}},
    ),
    Case(
        "match type",
        picture(
            n2=node(
                "ResizeImageMaskNode",
                input=["1", 0],
                resize_type="scale by multiplier",
                scale_method="area",
                **{"resize_type.multiplier": 2},
            ),
            n3=node("PreviewImage", images=["2", 0]),
        ),
        ACCEPTED,
    ),
    Case(
        "custom combo",
        {"1": node("CustomCombo", choice="mine"), "2": node("PreviewAny", source=["1", 0])},
        ACCEPTED,
    ),
    Case(
        "text linked to a choice",
        extended(n10=node("PrimitiveString", value="euler"))
        | {"3": changed("3", sampler_name=["10", 0])["3"]},
        REFUSED,
        {"3": {"return_type_mismatch"}},
    ),
    Case(
        "uploaded picture",
        {"1": node("LoadImage", image="fox.png"), "2": node("PreviewImage", images=["1", 0])},
        ACCEPTED,
    ),
    Case(
        "annotated picture",
        {
            "1": node("LoadImage", image="made.png [output]"),
            "2": node("PreviewImage", images=["1", 0]),
        },
        ACCEPTED,
    ),
    Case(
        "picture of a remote list",
        {
            "1": node("LoadImageOutput", image="made.png [output]"),
            "2": node("PreviewImage", images=["1", 0]),
        },
        ACCEPTED,
    ),
    Case(
        "number as picture",
        {"1": node("LoadImage", image=5), "2": node("PreviewImage", images=["1", 0])},
        REFUSED,
        {"1": {"invalid_input_type"}},
    ),
    Case(
        "mask channel",
        {
            "1": node("LoadImageMask", image="fox.png", channel="cyan"),
            "2": node("PreviewAny", source=["1", 0]),
        },
        REFUSED,
        {"1": {"value_not_in_list"}},
    ),
    Case(
        "empty 3D scene out of range",
        {
            "1": node("Load3D", model_file="none", image={}, width=99999, height=1),
            "2": node("PreviewImage", images=["1", 0]),
        },
        ACCEPTED,
    ),
    Case(
        "model of a newer list",
        {
            "1": node("UpscaleModelLoader", model_name="2x.pth"),
            "2": node("PreviewAny", source=["1", 0]),
        },
        REFUSED,
        {"1": {"missing_model"}},
    ),
    Case(
        "nothing installed",
        {
            "1": node("HypernetworkLoader", model=["2", 0], hypernetwork_name="h.pt", strength=1),
            "2": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
            "3": node("PreviewAny", source=["1", 0]),
        },
        REFUSED,
        {"1": {"missing_model"}},
    ),
    Case(
        "optional input wrong",
        {
            "1": node(
                "DualCLIPLoader",
                clip_name1="clip_l.safetensors",
                clip_name2="t5xxl_fp16.safetensors",
                type="flux",
                device="abacus",
            ),
            "2": node("PreviewAny", source=["1", 0]),
        },
        REFUSED,
        {"1": {"value_not_in_list"}},
    ),
]
