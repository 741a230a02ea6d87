"""Writes a small Stable Diffusion 1.5 checkpoint with random weights.

A script for the Python that ComfyUI runs with: ``python checkpoint.py <file>``. What a sampler
makes of the weights is noise, but loading, sampling, previews and decoding are the real thing.
The U-Net has two levels of 320 channels; the VAE and the text encoder have their usual shapes,
because ComfyUI knows those sizes by heart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from math import prod

Shapes = Iterator[tuple[str, tuple[int, ...]]]

CHANNELS = 320
EMBEDDING = CHANNELS * 4
CONTEXT = 768
LATENT_CHANNELS = 4


def _layer(name: str, *weight: int) -> Shapes:
    yield f"{name}.weight", weight
    yield f"{name}.bias", weight[:1]


def _unet() -> Shapes:
    root = "model.diffusion_model"
    yield from _layer(f"{root}.time_embed.0", EMBEDDING, CHANNELS)
    yield from _layer(f"{root}.time_embed.2", EMBEDDING, EMBEDDING)
    yield from _layer(f"{root}.input_blocks.0.0", CHANNELS, LATENT_CHANNELS, 3, 3)
    yield from _unet_block(f"{root}.input_blocks.1.0", CHANNELS)
    yield from _transformer(f"{root}.input_blocks.1.1")
    yield from _layer(f"{root}.input_blocks.2.0.op", CHANNELS, CHANNELS, 3, 3)
    yield from _unet_block(f"{root}.input_blocks.3.0", CHANNELS)
    yield from _transformer(f"{root}.input_blocks.3.1")
    yield from _unet_block(f"{root}.middle_block.0", CHANNELS)
    yield from _transformer(f"{root}.middle_block.1")
    yield from _unet_block(f"{root}.middle_block.2", CHANNELS)
    for block in range(4):
        yield from _unet_block(f"{root}.output_blocks.{block}.0", CHANNELS * 2)
        yield from _transformer(f"{root}.output_blocks.{block}.1")
    yield from _layer(f"{root}.output_blocks.1.2.conv", CHANNELS, CHANNELS, 3, 3)
    yield from _layer(f"{root}.out.0", CHANNELS)
    yield from _layer(f"{root}.out.2", LATENT_CHANNELS, CHANNELS, 3, 3)


def _unet_block(name: str, incoming: int) -> Shapes:
    yield from _layer(f"{name}.in_layers.0", incoming)
    yield from _layer(f"{name}.in_layers.2", CHANNELS, incoming, 3, 3)
    yield from _layer(f"{name}.emb_layers.1", CHANNELS, EMBEDDING)
    yield from _layer(f"{name}.out_layers.0", CHANNELS)
    yield from _layer(f"{name}.out_layers.3", CHANNELS, CHANNELS, 3, 3)
    if incoming != CHANNELS:
        yield from _layer(f"{name}.skip_connection", CHANNELS, incoming, 1, 1)


def _transformer(name: str) -> Shapes:
    yield from _layer(f"{name}.norm", CHANNELS)
    yield from _layer(f"{name}.proj_in", CHANNELS, CHANNELS, 1, 1)
    block = f"{name}.transformer_blocks.0"
    for attention, source in (("attn1", CHANNELS), ("attn2", CONTEXT)):
        yield f"{block}.{attention}.to_q.weight", (CHANNELS, CHANNELS)
        yield f"{block}.{attention}.to_k.weight", (CHANNELS, source)
        yield f"{block}.{attention}.to_v.weight", (CHANNELS, source)
        yield from _layer(f"{block}.{attention}.to_out.0", CHANNELS, CHANNELS)
    yield from _layer(f"{block}.ff.net.0.proj", CHANNELS * 8, CHANNELS)
    yield from _layer(f"{block}.ff.net.2", CHANNELS, CHANNELS * 4)
    for norm in ("norm1", "norm2", "norm3"):
        yield from _layer(f"{block}.{norm}", CHANNELS)
    yield from _layer(f"{name}.proj_out", CHANNELS, CHANNELS, 1, 1)


def _vae() -> Shapes:
    levels = (128, 256, 512, 512)
    root = "first_stage_model"
    yield from _layer(f"{root}.quant_conv", LATENT_CHANNELS * 2, LATENT_CHANNELS * 2, 1, 1)
    yield from _layer(f"{root}.post_quant_conv", LATENT_CHANNELS, LATENT_CHANNELS, 1, 1)
    encoder, decoder = f"{root}.encoder", f"{root}.decoder"
    yield from _layer(f"{encoder}.conv_in", levels[0], 3, 3, 3)
    incoming = levels[0]
    for level, outgoing in enumerate(levels):
        for block in range(2):
            yield from _vae_block(f"{encoder}.down.{level}.block.{block}", incoming, outgoing)
            incoming = outgoing
        if level < len(levels) - 1:
            yield from _layer(f"{encoder}.down.{level}.downsample.conv", outgoing, outgoing, 3, 3)
    yield from _vae_middle(encoder)
    yield from _layer(f"{encoder}.norm_out", levels[-1])
    yield from _layer(f"{encoder}.conv_out", LATENT_CHANNELS * 2, levels[-1], 3, 3)
    yield from _layer(f"{decoder}.conv_in", levels[-1], LATENT_CHANNELS, 3, 3)
    yield from _vae_middle(decoder)
    incoming = levels[-1]
    for level, outgoing in reversed(list(enumerate(levels))):
        for block in range(3):
            yield from _vae_block(f"{decoder}.up.{level}.block.{block}", incoming, outgoing)
            incoming = outgoing
        if level:
            yield from _layer(f"{decoder}.up.{level}.upsample.conv", outgoing, outgoing, 3, 3)
    yield from _layer(f"{decoder}.norm_out", levels[0])
    yield from _layer(f"{decoder}.conv_out", 3, levels[0], 3, 3)


def _vae_middle(name: str) -> Shapes:
    yield from _vae_block(f"{name}.mid.block_1", 512, 512)
    yield from _layer(f"{name}.mid.attn_1.norm", 512)
    for part in ("q", "k", "v", "proj_out"):
        yield from _layer(f"{name}.mid.attn_1.{part}", 512, 512, 1, 1)
    yield from _vae_block(f"{name}.mid.block_2", 512, 512)


def _vae_block(name: str, incoming: int, outgoing: int) -> Shapes:
    yield from _layer(f"{name}.norm1", incoming)
    yield from _layer(f"{name}.conv1", outgoing, incoming, 3, 3)
    yield from _layer(f"{name}.norm2", outgoing)
    yield from _layer(f"{name}.conv2", outgoing, outgoing, 3, 3)
    if incoming != outgoing:
        yield from _layer(f"{name}.nin_shortcut", outgoing, incoming, 1, 1)


def _text_encoder() -> Shapes:
    root = "cond_stage_model.transformer.text_model"
    yield f"{root}.embeddings.token_embedding.weight", (49408, CONTEXT)
    yield f"{root}.embeddings.position_embedding.weight", (77, CONTEXT)
    for layer in range(12):
        name = f"{root}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _layer(f"{name}.self_attn.{part}", CONTEXT, CONTEXT)
        yield from _layer(f"{name}.layer_norm1", CONTEXT)
        yield from _layer(f"{name}.layer_norm2", CONTEXT)
        yield from _layer(f"{name}.mlp.fc1", CONTEXT * 4, CONTEXT)
        yield from _layer(f"{name}.mlp.fc2", CONTEXT, CONTEXT * 4)
    yield from _layer(f"{root}.final_layer_norm", CONTEXT)


def write(path: str) -> None:
    """Write the checkpoint; the file appears under its name only when it is complete."""
    torch = import_module("torch")
    save_file = import_module("safetensors.torch").save_file
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for name, shape in (*_unet(), *_vae(), *_text_encoder()):
        if len(shape) == 1:
            value = torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
        else:
            fan_in = prod(shape[1:])
            value = torch.randn(shape, generator=generator) * (fan_in**-0.5)
        tensors[name] = value.half()
    partial = f"{path}.{os.getpid()}"
    save_file(tensors, partial)
    os.replace(partial, path)


if __name__ == "__main__":
    write(sys.argv[1])
