"""Which inputs take a model by its address, and which folder such a file belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import InvalidWorkflow
from studio.graphs.model_inputs import missing_models
from studio.graphs.model_references import ModelReference, folder_of, model_references
from studio.graphs.validation import validate

URL = "https://example.org/a.safetensors"
EMPTY: dict[str, list[str]] = {
    name: []
    for name in (
        *("checkpoints", "loras", "vae", "text_encoders", "diffusion_models", "clip_vision"),
        *("controlnet", "style_models", "upscale_models", "latent_upscale_models"),
        *("model_patches", "audio_encoders", "photomaker", "gligen", "hypernetworks"),
        *("geometry_estimation", "optical_flow", "frame_interpolation", "background_removal"),
    )
}
"""The folders of a ComfyUI without any model."""


def loader(choices: object, name: str = "lora_name") -> dict[str, Any]:
    return {
        "Loader": {
            "input": {"required": {name: choices, "text": ["STRING", {}]}},
            "output": [],
            "output_node": True,
        }
    }


def graph(value: object, name: str = "lora_name") -> dict[str, Any]:
    return {"1": {"class_type": "Loader", "inputs": {name: value, "text": URL}}}


def wanted(class_type: str, name: str, *choices: str) -> ModelReference:
    return ModelReference("1", (name,), class_type, name, URL, choices)


@pytest.mark.parametrize(
    "reference",
    [
        URL,
        "http://127.0.0.1/a.safetensors",
        "hf:owner/repo/a.safetensors@main",
        "civitai:128713",
        "civitai:128713/99",
    ],
)
@pytest.mark.parametrize(
    "choices", [[["x.safetensors"]], [[]], ["COMBO", {"options": ["x.safetensors"]}]]
)
def test_a_reference_in_a_list_of_models_passes_and_is_found(
    reference: str, choices: object
) -> None:
    info = loader(choices)
    validate(graph(reference), info)
    [found] = model_references(graph(reference), info)
    assert (found.node_id, found.path, found.reference) == ("1", ("lora_name",), reference)
    assert missing_models(graph(reference), [info]) == []


def test_a_wrapped_value_is_found_where_it_stands() -> None:
    info = loader([["x.safetensors"]])
    [found] = model_references(graph({"__value__": URL}), info)
    assert found.path == ("lora_name", "__value__")


@pytest.mark.parametrize(
    ("choices", "name"),
    [
        ([["euler", "heun"]], "sampler"),
        (["STRING", {}], "lora_name"),
        ([["a.png"], {"image_upload": True}], "image"),
    ],
)
def test_an_address_elsewhere_is_no_model(choices: object, name: str) -> None:
    assert model_references(graph(URL, name), loader(choices, name)) == []


@pytest.mark.parametrize("value", ["ftp://example.org/a.safetensors", "hf:owner", "civitai:", "a"])
def test_what_is_no_reference_is_a_model_that_is_not_there(value: str) -> None:
    info = loader([["x.safetensors"]])
    assert model_references(graph(value), info) == []
    with pytest.raises(InvalidWorkflow):
        validate(graph(value), info)


@pytest.mark.parametrize(
    ("class_type", "name", "folder"),
    [
        ("CheckpointLoaderSimple", "ckpt_name", "checkpoints"),
        ("LTXAVTextEncoderLoader", "ckpt_name", "checkpoints"),
        ("LTXVAudioVAELoader", "ckpt_name", "checkpoints"),
        ("LoraLoader", "lora_name", "loras"),
        ("VAELoader", "vae_name", "vae"),
        ("UNETLoader", "unet_name", "diffusion_models"),
        ("DualCLIPLoader", "clip_name2", "text_encoders"),
        ("CLIPVisionLoader", "clip_name", "clip_vision"),
        ("ControlNetLoader", "control_net_name", "controlnet"),
        ("StyleModelLoader", "style_model_name", "style_models"),
        ("UpscaleModelLoader", "model_name", "upscale_models"),
        ("LatentUpscaleModelLoader", "model_name", "latent_upscale_models"),
        ("ModelPatchLoader", "name", "model_patches"),
        ("AudioEncoderLoader", "audio_encoder_name", "audio_encoders"),
        ("PhotoMakerLoader", "photomaker_model_name", "photomaker"),
        ("LoadMoGeModel", "model_name", None),
    ],
)
def test_while_all_folders_are_empty_names_tell_which_is_meant(
    class_type: str, name: str, folder: str | None
) -> None:
    assert folder_of(wanted(class_type, name), EMPTY) == folder


def test_what_the_engine_lists_decides_whatever_the_names_are() -> None:
    lists = {**EMPTY, "geometry_estimation": ["moge.safetensors"], "loras": ["a.safetensors"]}
    assert folder_of(wanted("LoadMoGeModel", "model_name", "moge.safetensors"), lists) == (
        "geometry_estimation"
    )


def test_of_folders_that_fit_the_one_that_explains_most_of_the_list_is_meant() -> None:
    lists = {
        **EMPTY,
        "clip_vision": ["m.safetensors"],
        "text_encoders": ["m.safetensors", "t5.sft"],
    }
    assert folder_of(wanted("X", "clip_name", "m.safetensors", "t5.sft"), lists) == "text_encoders"


def test_of_folders_with_the_same_files_the_named_one_is_meant() -> None:
    lists = {**EMPTY, "clip_vision": ["m.safetensors"], "text_encoders": ["m.safetensors"]}
    assert folder_of(wanted("CLIPVisionLoader", "clip_name", "m.safetensors"), lists) == (
        "clip_vision"
    )


def test_fixed_choices_beside_the_files_do_not_hide_the_folder() -> None:
    lists = {**EMPTY, "vae": ["a.safetensors"], "loras": ["b.safetensors"]}
    assert folder_of(wanted("VAELoader", "vae_name", "a.safetensors", "pixel_space"), lists) == (
        "vae"
    )
