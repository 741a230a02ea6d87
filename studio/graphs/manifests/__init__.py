"""Workflows as products: their manifests, and graphs made from manifests and values."""
