"""Studio: a durable job service, and in time a whole studio, in front of ComfyUI."""
