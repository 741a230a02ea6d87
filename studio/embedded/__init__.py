"""A small engine that speaks ComfyUI's protocol and runs image graphs on the CPU."""
