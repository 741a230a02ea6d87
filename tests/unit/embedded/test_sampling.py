"""Text-to-image graphs and the other nodes that models have in ComfyUI."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.clients import Client, Graph, solid, text_to_image


def picture(client: Client, graph: Graph, node_id: str = "7") -> Any:
    """Run a graph and return the pixels of its first picture."""
    entry = client.run(graph)
    assert entry["status"]["completed"], entry["status"]["messages"][-1]
    return np.asarray(client.image(entry["outputs"][node_id]["images"][0]), dtype=float)


def test_the_same_seed_gives_the_same_picture_in_another_run(client: Client) -> None:
    graph = text_to_image(client.engine, size=128, seed=7)
    first = picture(client, graph)
    client.http.post("/free", json={"free_memory": True})
    assert np.array_equal(first, picture(client, graph))


def test_a_batch_holds_different_pictures(client: Client) -> None:
    graph = text_to_image(client.engine)
    graph["4"]["inputs"]["batch_size"] = 2
    first, second = client.run(graph)["outputs"]["7"]["images"]
    assert client.image(first).tobytes() != client.image(second).tobytes()


def test_a_lora_changes_the_colours(client: Client) -> None:
    graph = text_to_image(client.engine, seed=9)
    plain = picture(client, graph)
    graph["9"] = {
        "class_type": "LoraLoader",
        "inputs": {
            "model": ["1", 0],
            "clip": ["1", 1],
            "lora_name": "embedded-vivid.safetensors",
            "strength_model": -1.0,
            "strength_clip": 1.0,
        },
    }
    graph["5"]["inputs"]["model"] = ["9", 0]
    pale = picture(client, graph)
    assert np.ptp(pale, axis=-1).mean() < np.ptp(plain, axis=-1).mean()


def test_little_denoising_stays_close_to_the_first_picture(client: Client) -> None:
    def distance(denoise: float) -> float:
        graph = text_to_image(client.engine, seed=11)
        graph["8"] = solid(color=0x00FF00)["1"]
        graph["4"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0], "vae": ["1", 2]}}
        graph["5"]["inputs"]["denoise"] = denoise
        return float(np.abs(picture(client, graph) - np.array([0, 255, 0])).mean())

    assert distance(0.2) < distance(0.9)


def test_a_picture_that_was_only_encoded_comes_back_unmarked(client: Client) -> None:
    graph = solid(color=0x336699)
    graph["3"] = {
        "class_type": "VAELoader",
        "inputs": {"vae_name": "pixel_space"},
    }
    graph["4"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0], "vae": ["3", 0]}}
    graph["5"] = {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["3", 0]}}
    graph["2"]["inputs"]["images"] = ["5", 0]
    assert np.all(picture(client, graph, "2") == [0x33, 0x66, 0x99])


def test_latents_can_be_scaled_and_sampled_in_parts(client: Client) -> None:
    graph = text_to_image(client.engine)
    graph["8"] = {
        "class_type": "LatentUpscale",
        "inputs": {
            "samples": ["5", 0],
            "upscale_method": "bilinear",
            "width": 96,
            "height": 0,
            "crop": "disabled",
        },
    }
    sampler = {key: value for key, value in graph["5"]["inputs"].items() if key != "denoise"}
    sampler["noise_seed"] = sampler.pop("seed")
    graph["9"] = {
        "class_type": "KSamplerAdvanced",
        "inputs": {
            **sampler,
            "latent_image": ["8", 0],
            "add_noise": "enable",
            "start_at_step": 1,
            "end_at_step": 10000,
            "return_with_leftover_noise": "disable",
        },
    }
    graph["6"]["inputs"]["samples"] = ["9", 0]
    assert picture(client, graph).shape == (96, 96, 3)


def test_a_checkpoint_that_is_not_built_in_is_refused(client: Client) -> None:
    graph = text_to_image(client.engine)
    graph["1"]["inputs"]["ckpt_name"] = "other.safetensors"
    answer = client.post_prompt(graph)
    assert answer.status_code == 400
    [problem] = answer.json()["node_errors"]["1"]["errors"]
    assert problem["type"] == "value_not_in_list"


def test_the_engine_says_that_it_is_the_embedded_one(client: Client) -> None:
    assert client.http.get("/system_stats").json()["system"]["embedded"] is True
