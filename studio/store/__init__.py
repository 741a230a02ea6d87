"""Persistence: every line of SQL in the project lives here."""
