"""Faults in any order: what a failed write says of itself is true."""

from __future__ import annotations

from typing import Any, Iterator, List

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statebase import APIStatusError, NotFoundError
from statebase._generated.operations import OPERATIONS
from tests.faults.bench import FLAVOURS, Bench, set_up
from tests.faults.fault_list import FAULTS, REFUSALS
from tests.faults.fault_proxy import Act, pass_on
from tests.faults.operation_cases import CASES

pytestmark = pytest.mark.slow

PLAIN = next(fault for fault in FAULTS if fault.name == "drip")
ACTS = {
    fault.name: fault.act
    for fault in FAULTS
    # The answer to the second delivery of a DELETE says that there is no such thing, which is not the whole truth.
    if (fault.way, fault.hurried, fault.deadline) == ("http", False, None) and fault.name != "twice_second"
}
ACTS.update(zip(("unauthorized", "forbidden"), REFUSALS), all_well=pass_on)
WRITES = [operation_id for operation_id, case in CASES.items() if case.effect]
SCRIPTS = st.lists(st.sampled_from(sorted(ACTS)), min_size=3, max_size=3)

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with set_up() as bench:
        yield bench


def acts(names: List[str]) -> List[Act]:
    return [ACTS[name] for name in names]


def test_writes(bench: Bench) -> None:
    """A write that returns has happened; one that was not sent or rejected has not; none has happened twice."""

    @given(operation_id=st.sampled_from(WRITES), flavour=st.sampled_from(FLAVOURS), names=SCRIPTS)
    @example(operation_id="create_turn", flavour="sync", names=["late", "unauthorized", "all_well"])
    @example(operation_id="replace_state", flavour="async", names=["late", "all_well", "all_well"])
    @example(operation_id="delete_memory", flavour="sync", names=["answer_lost", "limit_long", "all_well"])
    @some
    def run(operation_id: str, flavour: str, names: List[str]) -> None:
        finding = bench.try_out(operation_id, flavour, acts(names), PLAIN)

        effect = CASES[operation_id].effect
        assert finding.effect_in_all == effect
        assert finding.effect in ({}, effect)
        if finding.error is None:
            assert finding.effect == effect
        elif finding.error.outcome != "unknown":
            assert finding.effect == {}
        if finding.repeated is not None:
            assert type(finding.repeated) is NotFoundError
            assert OPERATIONS[operation_id].method == "DELETE"

    run()


def test_writes_that_cannot_be(bench: Bench) -> None:
    """A write to a session that is not there fails whatever happens, changes nothing, and repeating it says why."""
    arguments: Any = ("sess_000000000000", "hi", "hello")

    @given(flavour=st.sampled_from(FLAVOURS), names=SCRIPTS)
    @example(flavour="sync", names=["answer_lost", "all_well", "all_well"])
    @settings(some, max_examples=30)
    def run(flavour: str, names: List[str]) -> None:
        finding = bench.try_out("create_turn", flavour, acts(names), PLAIN, arguments)

        assert finding.error is not None
        assert finding.effect_in_all == {}
        assert isinstance(finding.repeated, APIStatusError)
        assert (finding.repeated.code, finding.repeated.outcome) == ("session_not_found", "rejected")

    run()
