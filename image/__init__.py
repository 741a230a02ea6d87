"""How the container image is made; nothing here is part of Studio."""
