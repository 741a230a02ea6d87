"""Readers of the texts that pictures, films and sounds carry, by their names in small letters.

They take bytes that anybody may have sent: every length is checked against what is there, and all
together unpack at most ``limits.MAX_TEXT``.
"""
