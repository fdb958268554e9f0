"""Limits of the document that code checks before a model does."""

LONGEST_TTL_SECONDS = 2_592_000
"""The largest `ttl_seconds` of a session."""
