"""One file from a server elsewhere: in stretches side by side where it can, resumed where it ended.

All of it blocks and runs in threads of its own: bytes that come at a gigabyte a second would keep
the event loop from everybody else.
"""
