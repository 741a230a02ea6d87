"""What Studio knows about ComfyUI's API-format graphs: pure functions, no I/O."""
