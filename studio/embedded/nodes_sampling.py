"""The samplers, which paint a procedural picture instead of running a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from studio.embedded.context import Context
from studio.embedded.declarations import NodeClass, Result, choice, integer, number, socket
from studio.embedded.diffusion import Conditioning, Latent, Model
from studio.embedded.painting import Painting
from studio.embedded.samplers import SAMPLERS, SCHEDULERS

_MAX_SEED = 0xFFFFFFFFFFFFFFFF
_WORKING_PLANES = 24


def _run_sample(
    context: Context,
    model: Model,
    seed: int,
    steps: int,
    positive: Conditioning,
    latent_image: Latent,
    denoise: float = 1.0,
    **_ignored: Any,
) -> Result:
    sampled = _sample(context, model, positive, latent_image, seed, steps, steps, denoise)
    return Result((sampled,))


def _run_sample_part(
    context: Context,
    model: Model,
    noise_seed: int,
    steps: int,
    positive: Conditioning,
    latent_image: Latent,
    start_at_step: int,
    end_at_step: int,
    **_ignored: Any,
) -> Result:
    done = max(0, min(steps, end_at_step) - start_at_step)
    share = 1.0 if latent_image.pixels is None else done / steps
    return Result(
        (_sample(context, model, positive, latent_image, noise_seed, steps, done, share),)
    )


def _sample(
    context: Context,
    model: Model,
    positive: Conditioning,
    latent: Latent,
    seed: int,
    steps: int,
    shown_steps: int,
    share: float,
) -> Latent:
    context.claim(latent.batch_size, latent.height, latent.width, 3)
    context.claim(latent.height, latent.width, _WORKING_PLANES)
    paintings = [
        Painting(positive.words, seed + index, latent.width, latent.height, steps, model.vivid)
        for index in range(latent.batch_size)
    ]
    for step in range(1, shown_steps + 1):
        context.interruption.wait(context.step_delay_s)
        preview = paintings[0].sketch(step / shown_steps) if context.previews else None
        context.report(step, shown_steps, preview)
    pictures = []
    for painting in paintings:
        context.interruption.check()
        pictures.append(painting.render())
    pixels = np.stack(pictures)
    if latent.pixels is not None:
        pixels = latent.pixels * np.float32(1 - share) + pixels * np.float32(share)
    return replace(latent, pixels=pixels, painted=True)


_GUIDANCE = number("cfg", 8.0, 0.0, 100.0, 0.1, round=0.01)

NODES = (
    NodeClass(
        name="KSampler",
        display_name="KSampler",
        category="model/sampling",
        run=_run_sample,
        inputs=(
            socket("model", "MODEL"),
            integer("seed", 0, 0, _MAX_SEED, None, control_after_generate=True),
            integer("steps", 20, 1, 10000, None),
            _GUIDANCE,
            choice("sampler_name", SAMPLERS),
            choice("scheduler", SCHEDULERS),
            socket("positive", "CONDITIONING"),
            socket("negative", "CONDITIONING"),
            socket("latent_image", "LATENT"),
            number("denoise", 1.0, 0.0, 1.0),
        ),
        outputs=("LATENT",),
        description="Paints a procedural picture, step by step.",
    ),
    NodeClass(
        name="KSamplerAdvanced",
        display_name="KSampler (Advanced)",
        category="model/sampling",
        run=_run_sample_part,
        inputs=(
            socket("model", "MODEL"),
            choice("add_noise", ("enable", "disable"), advanced=True),
            integer("noise_seed", 0, 0, _MAX_SEED, None, control_after_generate=True),
            integer("steps", 20, 1, 10000, None),
            _GUIDANCE,
            choice("sampler_name", SAMPLERS),
            choice("scheduler", SCHEDULERS),
            socket("positive", "CONDITIONING"),
            socket("negative", "CONDITIONING"),
            socket("latent_image", "LATENT"),
            integer("start_at_step", 0, 0, 10000, None, advanced=True),
            integer("end_at_step", 10000, 0, 10000, None, advanced=True),
            choice("return_with_leftover_noise", ("disable", "enable"), advanced=True),
        ),
        outputs=("LATENT",),
    ),
)
