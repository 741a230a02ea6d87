"""Studio's conversion of saved workflows beside that of ComfyUI's own editor."""
