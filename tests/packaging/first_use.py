"""The first steps with an installed statebase, without a test framework: prints nothing, or fails."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import statebase
from statebase import AsyncStateBase, ConfigurationError, StateBase

REQUIRED = {"statebase", "httpx", "pydantic", "typing-extensions"}
BROUGHT_BY_THEM = {
    *{"anyio", "certifi", "exceptiongroup", "h11", "httpcore", "idna", "sniffio"},
    *{"annotated-types", "pydantic-core", "typing-inspection"},
}
PART_OF_VENV = {"pip", "setuptools"}


def main() -> None:
    expect_only_what_is_required()
    talk_to_the_embedded_engine()
    expect_an_error_without_key()
    expect_help()
    expect_serve_to_name_the_extra()


def expect_only_what_is_required() -> None:
    assert sys.prefix in statebase.__file__, f"{statebase.__file__} is not the installed one"
    assert Path(statebase.__file__).with_name("py.typed").exists()
    installed = {found.metadata["Name"].lower().replace("_", "-") for found in distributions()}
    assert installed >= REQUIRED, f"{REQUIRED - installed} are missing"
    surplus = installed - REQUIRED - BROUGHT_BY_THEM - PART_OF_VENV
    assert not surplus, f"{surplus} were installed too"


def talk_to_the_embedded_engine() -> None:
    with StateBase.local() as client:
        session = client.sessions.create("support-bot", initial_state={"plan": "basic"})
        client.sessions.add_turn(session.id, "Where is my parcel?", "It arrives tomorrow.")
        client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
        client.state.update_state(session.id, {"plan": "gold"})
        client.state.rollback(session.id, -1)
        prompt = client.state.get_context(session.id, "e-mail").to_prompt()
    for text in ("basic", "Where is my parcel?", "Prefers e-mail"):
        assert text in prompt, prompt


def expect_an_error_without_key() -> None:
    os.environ.pop("STATEBASE_API_KEY", None)
    for client in (StateBase, AsyncStateBase):
        try:
            client()
        except ConfigurationError as error:
            assert "STATEBASE_API_KEY" in str(error), error
        else:
            raise AssertionError(f"{client.__name__} was made without a key")


def expect_help() -> None:
    done = run("--help")
    assert done.returncode == 0, done
    assert "serve" in done.stdout, done


def expect_serve_to_name_the_extra() -> None:
    done = run("serve", "--port", "0")
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done
    assert 'pip install "statebase[server]"' in done.stderr, done


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).with_name("statebase"))
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
