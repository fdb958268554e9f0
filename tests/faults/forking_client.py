"""A program whose client makes calls before, between and after forks; `test_soak.py` runs it.

It prints, as JSON, what each process got: pairs of the id that a call sent, and the one that came back.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any, List

from statebase import AsyncStateBase, StateBase
from tests.wire.forking import in_child


def call(client: Any, loop: asyncio.AbstractEventLoop, number: int) -> List[Any]:
    """Make a call; its id is that of the process and a number."""
    sent = f"{os.getpid()}-{number}"
    answer = client.info(extra_headers={"X-Id": sent})
    if asyncio.iscoroutine(answer):
        answer = loop.run_until_complete(answer)
    return [sent, answer["id"]]


def main(flavour: str, url: str, ca_file: str, children: int, calls: int) -> None:
    client: Any = (StateBase if flavour == "sync" else AsyncStateBase)("sb_test", url, verify=ca_file, max_retries=0)
    loop = asyncio.new_event_loop()

    def work() -> List[Any]:
        own = loop if flavour == "sync" else asyncio.new_event_loop()
        return [call(client, own, number) for number in range(calls)]

    answers = [call(client, loop, 0)]
    waits = []
    for child in range(children):
        waits.append(in_child(work))
        answers.append(call(client, loop, 1 + child))
    reports = [wait() for wait in waits]
    answers.append(call(client, loop, 1 + children))
    closing = client.close()
    if closing is not None:
        loop.run_until_complete(closing)
    loop.close()
    print(json.dumps([answers, *reports]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
