"""Runs the checks in order; a check that depends on a failed one is skipped."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional

from ..._base.clock import Clock
from ..store import Store
from .database import examine_database
from .environment import examine_environment
from .network import examine_address, examine_dns, examine_proxy, examine_tcp, find_address, find_proxy, peer_of
from .report import Check
from .service import examine_service, skip
from .store import examine_file

_OF_SERVICE = ("tls", "server", "clock", "key", "api")


def examine(
    url: Optional[str], store: Optional[Store], environment: Mapping[str, str], clock: Clock
) -> Iterator[Check]:
    """Check what a client needs, one check for each step of the iteration.

    Args:
        url: The service. None: the one in the environment, or no service if a store is given.
        store: The store; None to check no store.
        environment: The environment variables.
        clock: The clock that the server's is compared with.
    """
    yield from examine_environment(environment)
    if store is not None:
        yield from examine_file(store) if store.is_file else examine_database(store)
    if url is not None or store is None:
        yield from _examine_service(url, environment, clock)


def _examine_service(url: Optional[str], environment: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    address = find_address(url, environment)
    if isinstance(address, Check):
        yield address
        yield from skip(("proxy", "dns", "tcp", *_OF_SERVICE), "there is no valid address")
        return
    yield examine_address(address, url, environment)
    proxy = find_proxy(address)
    if isinstance(proxy, Check):
        yield proxy
        yield from skip(("dns", "tcp", *_OF_SERVICE), "the proxy setting is not valid")
        return
    yield examine_proxy(proxy, environment)
    peer = peer_of(address, proxy)
    for examine_step in (examine_dns, examine_tcp):
        check = examine_step(peer)
        yield check
        if check.status == "failed":
            yield from skip(("tcp", *_OF_SERVICE) if check.name == "dns" else _OF_SERVICE, "cannot connect")
            return
    yield from examine_service(address, proxy, clock)
