"""Fixtures for tests of the command."""

from tests.command_fixtures import call, engine, run, serve

__all__ = ["call", "engine", "run", "serve"]
