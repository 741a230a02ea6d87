"""The parts of reading what ComfyUI's editor saves; ``studio.graphs.ui_format`` puts them together.

The editor builds a live graph from a saved file (slots from the engine's descriptions, values by
position, promoted widgets of subgraphs) and makes the prompt from that. So do these modules, in the
same order, because the order decides which value ends where.
"""
