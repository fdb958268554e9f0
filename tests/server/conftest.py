"""Fixtures for tests of the server."""

from tests.command_fixtures import call, engine, run, serve

__all__ = ["call", "engine", "run", "serve"]
