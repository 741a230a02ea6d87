"""Outbound I/O: one remote per module, its address or transport given by the caller."""
