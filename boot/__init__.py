"""The parent of Studio and of its engines. Standard library only; never imports ``studio``."""
