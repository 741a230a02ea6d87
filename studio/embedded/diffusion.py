"""What travels between the nodes of a text-to-image graph."""

from __future__ import annotations

from dataclasses import dataclass

from studio.embedded.pixels import Pixels

LATENT_CELL = 8


@dataclass(frozen=True)
class Model:
    """The painter; ``vivid`` is what LoRAs have added to its colours."""

    vivid: float = 0.0


@dataclass(frozen=True)
class Clip:
    """Stands for a text encoder."""


@dataclass(frozen=True)
class Vae:
    """Stands for the step between latents and pixels."""


@dataclass(frozen=True)
class Conditioning:
    """The words that steer a picture."""

    words: str


@dataclass(frozen=True)
class Latent:
    """A batch of pictures between two nodes; ``pixels`` is None while they are empty.

    ``painted`` says that this engine made them up.
    """

    batch_size: int
    width: int
    height: int
    pixels: Pixels | None = None
    painted: bool = False


def snap(side: int) -> int:
    """Return the largest side, in pixels, that a latent can have and that is not above ``side``."""
    return side // LATENT_CELL * LATENT_CELL
