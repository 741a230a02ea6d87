"""How much memory a language model takes, from its head and how it is to run.

An estimate: weights are in the file, what it keeps of a chat follows from its shape, and the room
for computing is what llama.cpp takes at a batch of 512.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from studio.store.gguf_heads import GgufHead

_NUMBER_BYTES: Final = 2
_BATCH: Final = 512
_OVERHEAD: Final = 200 << 20
DEFAULT_CONTEXT: Final = 8192


@dataclass(frozen=True, slots=True)
class Need:
    """``gpu_bytes`` on the GPU, ``memory_bytes`` beside it."""

    gpu_bytes: int
    memory_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.gpu_bytes + self.memory_bytes


def longest_context(head: GgufHead) -> int:
    """What it was made for, in tokens; 0 when it does not say."""
    return head.number("context_length")


def usual_context(head: GgufHead) -> int:
    """What it runs with unless somebody says otherwise."""
    return min(longest_context(head) or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def needed(head: GgufHead, *, context: int, gpu_layers: int, projector_bytes: int = 0) -> Need:
    """The estimate.

    Args:
        gpu_layers: how many go to the GPU, -1 for all.
    """
    layers = max(1, head.number("block_count"))
    # Its last matrix counts as one more.
    there = layers + 1 if gpu_layers < 0 else min(gpu_layers, layers + 1)
    weights = head.tensor_bytes + _kept_bytes(head, layers) * context
    on_gpu = weights * there // (layers + 1)
    computing = _BATCH * max(head.words, head.number("embedding_length")) * 4 + _OVERHEAD
    if there == 0:
        return Need(0, weights + computing + projector_bytes)
    return Need(on_gpu + computing + projector_bytes, weights - on_gpu)


def _kept_bytes(head: GgufHead, layers: int) -> int:
    """What it keeps of each token."""
    heads = max(1, head.number("attention.head_count"))
    width = head.number("embedding_length") // heads
    key = head.number("attention.key_length") or width
    value = head.number("attention.value_length") or width
    name = "attention.head_count_kv"
    pairs = head.numbers(name, layers) if head.number(name) else (heads,) * layers
    return sum(pairs) * (key + value) * _NUMBER_BYTES
