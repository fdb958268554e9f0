"""The example is an agent that remembers, from process to process, with the real client of OpenAI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.integrations.model_server import call_of_openai, message_of_openai, response_of_openai, serve_models

EXAMPLE = Path(__file__).parents[3] / "examples" / "openai_agents_agent.py"


def test_example(tmp_path: Path) -> None:
    answers = [
        response_of_openai(call_of_openai("look_up_order", {"number": "A-1043"})),
        response_of_openai(message_of_openai("It arrives tomorrow.")),
        response_of_openai(message_of_openai("A moment ago.")),
        response_of_openai(message_of_openai("Hello, Bob.")),
    ]
    with serve_models(*answers) as server:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": server.url,
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
        }

        def ask(*arguments: str) -> str:
            command = [sys.executable, str(EXAMPLE), "--store", str(tmp_path / "agents.db"), *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout.strip()

        assert ask("Where is order A-1043?") == "It arrives tomorrow."
        assert ask("And when did I ask?") == "A moment ago."
        assert ask("--user", "bob", "Hi") == "Hello, Bob."

    third, fourth = (json.dumps(request["input"]) for request in server.requests[2:])
    assert "sent yesterday, arrives tomorrow" in third and "It arrives tomorrow." in third
    assert "A-1043" not in fourth
