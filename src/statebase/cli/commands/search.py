"""`statebase search`."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional

from ..arguments import add_json, add_store_or_service, fraction, integer, text
from ..command import Command
from ..formatting import columns, json_line, paragraphs
from ..store import Store, store_of
from ..terminal import faint, print_line, strong

if TYPE_CHECKING:
    from ..._generated.models import MemorySearchResult
    from ...local.explanation import ExplainedMemory, ExplainedWord, SearchExplanation

_DESCRIPTION = """\
Search memories, best first, as `client.memory.search` does. With --json the
output is one object: the API's response, or with --explain the fields of
`statebase.local.SearchExplanation`.

--explain shows the parts of each score: how close the meaning is, which words
of the query a memory holds, and what the turn before it adds. It also shows
memories whose scores are just below the threshold."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", type=text(parser, "QUERY"), metavar="QUERY", help="the text to search for")
    add_store_or_service(parser, default_service=True)
    parser.add_argument("--session", type=text(parser, "--session"), help="only memories of this session")
    parser.add_argument(
        "--limit",
        type=integer(parser, "--limit", 1, 50),
        default=10,
        metavar="N",
        help="maximum number of results, 1 to 50 (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=fraction(parser, "--threshold"),
        default=0.7,
        metavar="SCORE",
        help="the lowest score of a result, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--explain", action="store_true", help="show the parts of each score; requires --path or --database"
    )
    add_json(parser, "print one JSON object")


def _run(options: argparse.Namespace) -> int:
    store = store_of(options)
    if options.explain and store is not None:
        return _explain(options, store)
    if options.explain:
        options.parser.error("--explain requires --path or --database: a service does not return the parts of a score")
    return _search(options, store)


def _explain(options: argparse.Namespace, store: Store) -> int:
    from ..opening import open_engine

    with open_engine(store) as engine:
        explanation = engine.explain_search(
            options.query, options.session, top_k=options.limit, threshold=options.threshold
        )
    if options.json:
        print_line(_as_json(explanation))
    else:
        _print_explanation(explanation)
    return 0


def _search(options: argparse.Namespace, store: Optional[Store]) -> int:
    from ..opening import open_client

    with open_client(store, options.url) as client:
        found = client.memory.search(
            options.query, session_id=options.session, top_k=options.limit, threshold=options.threshold
        )
        if options.session is not None and not found.data:
            # The API does not tell a session without matches from one that does not exist.
            client.sessions.get(options.session)
    if options.json:
        print_line(json_line(found.model_dump(mode="json")))
        return 0
    if not found.data:
        print_line(_nothing(options.threshold))
    for result in found.data:
        _print_result(result)
    return 0


def _as_json(explanation: SearchExplanation) -> str:
    value: Dict[str, Any] = {
        **dataclasses.asdict(explanation),
        "results": [_memory(each) for each in explanation.results],
        "missed": [_memory(each) for each in explanation.missed],
    }
    return json_line(value)


def _memory(explained: ExplainedMemory) -> Dict[str, Any]:
    return {**dataclasses.asdict(explained), "result": explained.result.model_dump(mode="json")}


def _print_explanation(explanation: SearchExplanation) -> None:
    print_line(strong("query"))
    print_line("  words     ", _words(explanation.words) or "none")
    if explanation.embedder is None:
        print_line("  embedder  none: memories are searched by words")
    else:
        print_line("  embedder  ", explanation.embedder, _language(explanation.language_known))
    for used in explanation.calibrations:
        source = f"{used.sample:,} memories measured" if used.sample else "none measured: the embedder's own"
        print_line(f"  {used.script.ljust(9)} unrelated cosines {used.mean:.3f} ± {used.deviation:.3f}; {source}")
    if not explanation.results:
        print_line()
        print_line(_nothing(explanation.threshold))
    _print_explained(explanation.results)
    if explanation.missed:
        print_line()
        print_line(strong(f"below the threshold of {explanation.threshold:g}"))
        _print_explained(explanation.missed)


def _print_explained(memories: Iterable[ExplainedMemory]) -> None:
    for memory in memories:
        print_line()
        _print_result(memory.result)
        for label, amount, reason in _parts(memory):
            print_line(" " * 8, faint(label.ljust(8)), f"{amount:+6.2f}", faint(f"  {reason}" if reason else ""))


def _parts(memory: ExplainedMemory) -> List[tuple[str, float, str]]:
    """Return the parts of a score: label, evidence and reason."""
    held = _words(memory.held) or "none"
    if memory.cosine is None or memory.surprise is None:
        parts = [("words", memory.words, f"{held}; no vector: words only")]
    else:
        identical = ", the same text" if memory.is_identical else ""
        side = "above" if memory.surprise >= 0 else "below"
        distance = f"{abs(memory.surprise):.1f} deviations {side} unrelated ones"
        parts = [
            ("base", memory.base, ""),
            ("meaning", memory.meaning, f"cosine {memory.cosine:.3f}, {distance}{identical}"),
            ("words", memory.words, held),
        ]
    if memory.previous_id is not None:
        parts.append(("before", memory.carried_over, f"from the turn before, {memory.previous_id}"))
    if memory.question:
        parts.append(("asks", memory.question, "a question: its answer is another turn"))
    return parts


def _print_result(result: MemorySearchResult) -> None:
    first, *others = paragraphs(result.content, columns() - 8)
    print_line("  ", strong(f"{result.score:.2f}"), "  ", first)
    for line in others:
        print_line(" " * 8, line)
    tags = f"  {', '.join(result.tags)}" if result.tags else ""
    print_line(" " * 8, faint(f"{result.type}  {result.id}  {result.session_id}{tags}"))


def _words(words: Iterable[ExplainedWord]) -> str:
    return ", ".join(f"{word.terms[0]} {word.weight:.2f}" for word in words)


def _language(known: Optional[float]) -> str:
    if known is None or known >= 1:
        return ", knows the query's language"
    return f", knows little of the query's language ({known:.2f}): words count more"


def _nothing(threshold: float) -> str:
    return f"No memory has a score of {threshold:g} or more."


COMMAND = Command("search", "search memories", _DESCRIPTION, _add_arguments, _run)
