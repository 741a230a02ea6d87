"""All node classes by name."""

from __future__ import annotations

from studio.embedded import (
    nodes_files,
    nodes_image,
    nodes_latent,
    nodes_mask,
    nodes_models,
    nodes_sampling,
    nodes_transform,
    nodes_values,
)
from studio.embedded.declarations import NodeClass

_MODULES = (
    nodes_files,
    nodes_image,
    nodes_transform,
    nodes_mask,
    nodes_values,
    nodes_models,
    nodes_latent,
    nodes_sampling,
)

REGISTRY: dict[str, NodeClass] = {
    node_class.name: node_class for module in _MODULES for node_class in module.NODES
}
