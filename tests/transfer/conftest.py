"""Fixtures for tests of export and import."""

from tests.command_fixtures import call, engine, run, serve

__all__ = ["call", "engine", "run", "serve"]
