"""What `statebase doctor` does."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional

from ..._base.clock import Clock
from .environment import examine_environment
from .network import examine_address, examine_dns, examine_proxy, examine_tcp, find_address, find_proxy, peer_of
from .report import Check
from .service import examine_service, skip
from .store import examine_store

_OF_SERVICE = ("tls", "server", "clock", "key", "api")


def examine(url: Optional[str], path: Optional[str], environment: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    """Check what a client needs; each check is made when it is asked for.

    Args:
        url: The service; None for the one of the environment, or for none where a store is given.
        path: The store; None for none.
        environment: The variables of the environment.
        clock: Tells the time.
    """
    yield from examine_environment(environment)
    if path is not None:
        yield from examine_store(path)
    if url is not None or path is None:
        yield from _examine_service(url, environment, clock)


def _examine_service(url: Optional[str], environment: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    address = find_address(url, environment)
    if isinstance(address, Check):
        yield address
        yield from skip(("proxy", "dns", "tcp", *_OF_SERVICE), "there is no address")
        return
    yield examine_address(address, url, environment)
    proxy = find_proxy(address)
    if isinstance(proxy, Check):
        yield proxy
        yield from skip(("dns", "tcp", *_OF_SERVICE), "the proxy cannot work")
        return
    yield examine_proxy(proxy, environment)
    peer = peer_of(address, proxy)
    for examine_step in (examine_dns, examine_tcp):
        check = examine_step(peer)
        yield check
        if check.status == "failed":
            yield from skip(("tcp", *_OF_SERVICE) if check.name == "dns" else _OF_SERVICE, "nothing to connect to")
            return
    yield from examine_service(address, proxy, clock)
