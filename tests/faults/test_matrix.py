"""Every write is applied once: every operation, through a proxy that injects faults, counted in the store."""

from __future__ import annotations

import pickle
from typing import Iterator, Optional

import pytest

from statebase import NotFoundError
from statebase._generated.operations import OPERATIONS
from tests.faults import matrix
from tests.faults.bench import API_KEY, FLAVOURS, MAX_RETRIES, Bench, Finding, set_up
from tests.faults.fault_acts import ASKED_SECONDS
from tests.faults.fault_list import FAULTS, Fault
from tests.faults.operation_cases import CASES

pytestmark = pytest.mark.slow

WRITES = {operation_id for operation_id, operation in OPERATIONS.items() if operation.retry != "safe"}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with set_up() as bench:
        yield bench


def test_every_operation_is_tried() -> None:
    """The table of calls covers the API, and says of each write what it changes."""
    assert CASES.keys() == OPERATIONS.keys()
    assert {operation_id for operation_id, case in CASES.items() if case.effect} == WRITES


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_call_meets_fault(bench: Bench, operation_id: str, fault: Fault, flavour: str) -> None:
    """A call succeeds with one effect, or says truly what became of it, and repeating it leaves one effect in all."""
    for always in (False, True):
        finding = bench.find(operation_id, fault, flavour, always=always)

        effect = CASES[operation_id].effect
        harmless = fault.outcome is None or (fault.needs_body and OPERATIONS[operation_id].status == 204)
        assert finding.effect_in_all == effect
        assert not finding.strayed
        if finding.error is not None and is_late_delete(operation_id, fault):
            assert (type(finding.error), finding.attempts) == (NotFoundError, 1)
        elif harmless or (fault.retried and not always):
            assert finding.error is None
            assert finding.attempts == (1 if harmless else 2)
        else:
            assert finding.error is not None
            check_error(finding, operation_id, fault)
        if fault.asks_to_wait:
            assert all(seconds >= ASKED_SECONDS - 1 for seconds in finding.slept)  # a date knows no fractions


def is_late_delete(operation_id: str, fault: Fault) -> bool:
    """Return whether the client gets the response to the second delivery of a DELETE, which is 404.

    It carries no key, so that the service cannot know that it is the same request; the thing is gone.
    """
    return OPERATIONS[operation_id].method == "DELETE" and fault.name == "twice_second"


def check_error(finding: Finding, operation_id: str, fault: Fault) -> None:
    error = finding.error
    operation, effect = OPERATIONS[operation_id], CASES[operation_id].effect
    assert type(error) is fault.error
    assert error.outcome == fault.outcome
    assert finding.effect == (effect if fault.arrives else {})
    assert finding.attempts == len(error.attempts) == (1 + MAX_RETRIES if fault.retried else 1)
    assert len(finding.slept) == finding.attempts - 1
    if fault.asks_to_wait:
        assert error.retry_after is not None
        assert ASKED_SECONDS - 1 <= error.retry_after <= (ASKED_SECONDS if fault.retried else 3600)
    keyed = operation.method in ("POST", "PATCH", "PUT") and operation.retry != "safe"
    assert (error.idempotency_key is not None) == keyed
    if finding.repeated is not None:
        assert type(finding.repeated) is NotFoundError
        assert operation.method == "DELETE" and fault.arrives
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    cause: Optional[BaseException] = error
    while cause is not None:
        assert API_KEY not in f"{cause!r} {cause} {vars(cause)}"
        cause = cause.__cause__ or cause.__context__


def test_document_says_what_happens(bench: Bench) -> None:
    """docs/fault-matrix.md is what `python -m tests.faults.matrix` writes."""
    assert matrix.DOCUMENT.read_text(encoding="utf-8") == matrix.render(bench)
