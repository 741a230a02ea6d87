"""A prompt in words as a graph: the text-to-image workflow, filled in."""

from __future__ import annotations

import argparse
import secrets
from typing import Final

from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.cli.screen import Screen
from studio.graphs.graph import Graph, execution_copy
from studio.graphs.seeds import MAX_SEED
from studio.graphs.text_to_image import LOADER, Picture, filled, read_workflow
from studio.graphs.text_to_image import checkpoints as all_checkpoints

_MAX_LISTED: Final = 20
FIRST_CHECKPOINT: Final = "v1-5-pruned-emaonly-fp16"
"""The entry of the catalog that whoever has no checkpoint is told of."""


async def make_picture_graph(
    client: Client, options: argparse.Namespace, screen: Screen, *, checkpoints: str
) -> Graph:
    """The graph for ``options.workflow``, which is a prompt.

    Args:
        checkpoints: where a person puts checkpoints, as words of a sentence.

    Raises:
        CommandFailed: the engine has no checkpoint, or not the one that was asked for.
    """
    name = await _choose_checkpoint(
        client, options.checkpoint, screen, checkpoints, how="--checkpoint chooses"
    )
    seed = secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed
    width, height = options.size or (None, None)
    graph = filled(
        read_workflow(),
        Picture(
            prompt=options.workflow,
            checkpoint=name,
            seed=seed,
            negative=options.negative or "",
            width=width,
            height=height,
            steps=options.steps,
            count=options.count or 1,
        ),
    )
    latent = graph["latent"]["inputs"]
    screen.say(f"{name}, {latent['width']}x{latent['height']}, seed {seed}")
    return graph


async def fill_checkpoints(
    client: Client, graph: Graph, screen: Screen, *, checkpoints: str
) -> Graph:
    """A copy in which every checkpoint loader without a name has one.

    Raises:
        CommandFailed: the engine has no checkpoint.
    """
    empty = [
        node_id
        for node_id, node in graph.items()
        if node["class_type"] == LOADER and node["inputs"].get("ckpt_name") == ""
    ]
    if not empty:
        return graph
    changed = execution_copy(graph)
    how = f"--set {empty[0]}.ckpt_name=NAME chooses"
    name = await _choose_checkpoint(client, None, screen, checkpoints, how=how)
    for node_id in empty:
        changed[node_id]["inputs"]["ckpt_name"] = name
    screen.say(f"Checkpoint: {name}")
    return changed


async def _choose_checkpoint(
    client: Client, wanted: str | None, screen: Screen, checkpoints: str, *, how: str
) -> str:
    info = await client.object_info(LOADER)
    if info is None:
        raise CommandFailed(
            f"The engine has no node {LOADER}, which the text-to-image workflow needs.",
            reason="invalid_workflow",
        )
    names = all_checkpoints([info])
    if not names:
        raise CommandFailed(
            "The engine has no checkpoint, which a picture from words needs. "
            f"“./start.sh models pull {FIRST_CHECKPOINT}” brings a small one (2 GB), or put a "
            f"model file of your own into {checkpoints}; then run this again. "
            "STUDIO_ENGINE=embedded paints a demonstration without any model.",
            reason="no_checkpoint",
        )
    if wanted is not None:
        if wanted in names:
            return wanted
        more = ", …" if len(names) > _MAX_LISTED else ""
        raise CommandFailed(
            f"There is no checkpoint “{wanted}”. There are: "
            f"{', '.join(names[:_MAX_LISTED])}{more}.",
            reason="not_found",
        )
    if len(names) > 1:
        screen.say(f"Using the first of {len(names)} checkpoints; {how} another.")
    return names[0]
