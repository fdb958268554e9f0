"""Run the Python of one page, in a process of its own: `python run_page.py docs/index.md`."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import sys
from pathlib import Path
from typing import Any, Dict

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.docs.pages import Block, blocks


def run(page: Path) -> None:
    """Run the blocks of a page one after the other, and compare what they print with what the page says."""
    namespace: Dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        for block in blocks(page, "python"):
            code = compile(block.in_place(), str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if not block.runs:
                continue
            printed.seek(0)
            printed.truncate()
            with contextlib.redirect_stdout(printed):
                result = eval(code, namespace)
                if inspect.iscoroutine(result):  # a notebook awaits in its cells
                    loop.run_until_complete(result)
            check(block, printed.getvalue(), page)


def check(block: Block, printed: str, page: Path) -> None:
    """Fail where a block prints something else than its page says."""
    if block.output is not None and not doctest.OutputChecker().check_output(block.output, printed, doctest.ELLIPSIS):
        sys.exit(f"{page}:{block.line}: the page says:\n{block.output}\nthe block prints:\n{printed}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
