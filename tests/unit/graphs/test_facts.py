"""What the queue and the search learn from a graph."""

from __future__ import annotations

import copy

import pytest

from studio.graphs.facts import describe
from tests.unit.graphs.recorded import INFO, changed, extended, node, text_to_image

CHECKPOINT = ("CheckpointLoaderSimple", "ckpt_name", "dreamshaper_8.safetensors")


def test_the_default_workflow_is_described() -> None:
    facts = describe(text_to_image(), INFO)
    assert facts.classes == {
        "KSampler",
        "CheckpointLoaderSimple",
        "EmptyLatentImage",
        "CLIPTextEncode",
        "VAEDecode",
        "SaveImage",
    }
    assert facts.models == (CHECKPOINT,)
    assert facts.prompt_text == "a red fox in the snow\ntext, watermark"
    assert not facts.paid
    assert len(facts.graph_key) == len(facts.affinity_key) == 16


def test_the_same_is_known_without_an_engine() -> None:
    assert describe(text_to_image(), None) == describe(text_to_image(), INFO)


def test_jobs_that_take_as_long_share_a_graph_key() -> None:
    key = describe(text_to_image(), INFO).graph_key
    renumbered = {f"x{node_id}": value for node_id, value in reversed(text_to_image().items())}
    assert describe(renumbered, INFO).graph_key == key
    assert describe(changed("3", seed=1, cfg=2), INFO).graph_key == key
    assert describe(changed("6", text="other"), INFO).graph_key == key
    assert describe(changed("3", steps=21), INFO).graph_key != key
    assert describe(changed("5", width=1024), INFO).graph_key != key
    assert describe(changed("4", ckpt_name="a.safetensors"), INFO).graph_key != key


def test_jobs_with_the_same_model_files_share_an_affinity_key() -> None:
    key = describe(text_to_image(), INFO).affinity_key
    assert describe(changed("3", steps=50), INFO).affinity_key == key
    twice = extended(n10=copy.deepcopy(text_to_image()["4"]))
    assert describe(twice, INFO).affinity_key == key
    assert describe(changed("4", ckpt_name="a.safetensors"), INFO).affinity_key != key


def test_a_graph_without_models_has_no_affinity() -> None:
    facts = describe({"1": node("EmptyImage", width=64)}, INFO)
    assert (facts.models, facts.affinity_key) == ((), "")


@pytest.mark.parametrize("info", [INFO, None])
def test_models_are_found_in_both_styles_and_installed_or_not(info: dict[str, object]) -> None:
    graph = {
        "1": node("UpscaleModelLoader", model_name="2x.pth"),
        "2": node("HypernetworkLoader", hypernetwork_name="h.pt"),
        "3": node("DualCLIPLoader", clip_name1="b.gguf", clip_name2="c.sft", type="flux"),
        "4": node("CheckpointLoaderSimple", ckpt_name="https://example.com/m?id=1"),
        "5": node("VAELoader", vae_name="pixel_space"),
        "6": node("LoadLatent", latent="x.safetensors"),
        "7": node("CLIPTextEncode", text="dreamshaper_8.safetensors"),
    }
    assert describe(graph, info).models == (
        ("CheckpointLoaderSimple", "ckpt_name", "https://example.com/m?id=1"),
        ("DualCLIPLoader", "clip_name1", "b.gguf"),
        ("DualCLIPLoader", "clip_name2", "c.sft"),
        ("HypernetworkLoader", "hypernetwork_name", "h.pt"),
        ("UpscaleModelLoader", "model_name", "2x.pth"),
    )


def test_api_nodes_make_a_graph_paid() -> None:
    assert describe(extended(n10=node("FluxProUltraImageNode", prompt="x")), INFO).paid


def test_linked_prompts_are_followed_through_text_nodes() -> None:
    graph = changed("6", text=["10", 0]) | {
        "10": node("StringConcatenate", string_a=["11", 0], string_b="in snow", delimiter="%%"),
        "11": node("PrimitiveString", value="a red fox"),
        "12": node("PrimitiveString", value="unrelated"),
    }
    for info in (INFO, None):
        assert describe(graph, info).prompt_text.splitlines() == [
            "in snow",
            "a red fox",
            "text, watermark",
        ]


def test_positive_comes_first_whatever_the_order_and_the_detours() -> None:
    graph = text_to_image()
    graph["3"]["inputs"] |= {"positive": ["10", 0], "negative": ["10", 1]}
    graph["10"] = node("ControlNetApplyAdvanced", positive=["7", 0], negative=["6", 0])
    assert describe(graph, INFO).prompt_text == "text, watermark\na red fox in the snow"


def test_one_text_is_listed_once_and_long_ones_are_cut() -> None:
    same = changed("7", text=" a red fox in the snow ")
    assert describe(same, INFO).prompt_text == "a red fox in the snow"
    assert len(describe(changed("6", text="x" * 20_000), INFO).prompt_text) == 10_000


def test_text_nodes_that_feed_each_other_end() -> None:
    graph = changed("6", text=["10", 0]) | {
        "10": node("StringConcatenate", string_a=["10", 0], string_b="fox", delimiter="")
    }
    assert describe(graph, INFO).prompt_text == "fox\ntext, watermark"
