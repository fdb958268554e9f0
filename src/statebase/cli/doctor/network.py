"""The checks of the connection to a service: address, proxy, DNS, TCP, TLS."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime, timedelta, timezone
from typing import Any, List, Mapping, NamedTuple, Optional, Union
from urllib.parse import urlsplit

from ..._base.deadline import within
from ..._base.errors import ConfigurationError
from ..._call.settings import REGIONS, Settings, check_proxy
from ..._wire.proxies import environment_proxy
from ..formatting import duration
from ..opening import option_error
from .report import Check, ok
from .requests import Tls

_DNS_SECONDS = 8.0
_TCP_SECONDS = 8.0
_SOON = timedelta(days=14)
_EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 10, 62, 64
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_VARIABLES = ("https_proxy", "http_proxy", "all_proxy")
_ANY_KEY = "key"


class Peer(NamedTuple):
    """The host to connect to: the service, or the proxy."""

    host: str
    port: int
    is_proxy: bool


def find_address(url: Optional[str], environment: Mapping[str, str]) -> Union[str, Check]:
    """Return the address of the service, or the failed check if it is not valid."""
    try:
        return Settings(api_key=_ANY_KEY, base_url=url).base_url
    except ConfigurationError as error:
        given = environment.get("STATEBASE_BASE_URL", "") if url is None else url
        # An address like user:password@host contains a password.
        message = option_error(error, url).replace(repr(given), "...") if "@" in given else option_error(error, url)
        return Check("address", "failed", message)


def examine_address(address: str, url: Optional[str], environment: Mapping[str, str]) -> Check:
    """Return the check that shows the address and where it was set."""
    region = next((name for name, known in REGIONS.items() if known == address), None)
    source = "the default"
    if url is not None:
        source = "--url"
    elif environment.get("STATEBASE_BASE_URL"):
        source = "STATEBASE_BASE_URL"
    return ok("address", f"{address}, {'' if region is None else f'region {region}, '}from {source}")


def find_proxy(address: str) -> Union[str, Check, None]:
    """Return the proxy for an address, or the failed check if it is not valid."""
    proxy = environment_proxy(address)
    try:
        check_proxy("The proxy in the environment", proxy)
        peer_of(address, proxy)
    except ConfigurationError as error:
        return Check("proxy", "failed", f"{error}.")
    except ValueError:
        return Check("proxy", "failed", "The proxy in the environment has an invalid port: write http://host:port.")
    return proxy


def examine_proxy(proxy: Optional[str], environment: Mapping[str, str]) -> Check:
    """Return the check that shows the proxy, without user and password."""
    names = [name for name in environment if name.lower() in _VARIABLES and environment[name]]
    if proxy is None:
        return ok("proxy", "none" if not names else f"none: {', '.join(sorted(names))} does not apply to this address")
    parts = urlsplit(proxy)
    credentials = " (user and password hidden)" if "@" in parts.netloc else ""
    source = f" from {', '.join(sorted(names))}" if names else " from the system settings"
    return ok("proxy", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{credentials}{source}")


def peer_of(address: str, proxy: Optional[str]) -> Peer:
    """Return the host to connect to: the proxy, if there is one."""
    parts = urlsplit(address if proxy is None else proxy)
    default = {"https": 443, "http": 80}.get(parts.scheme, 1080)
    return Peer(parts.hostname or "", parts.port or default, proxy is not None)


def examine_dns(peer: Peer) -> Check:
    """Look up the addresses of the host."""
    who = f"the proxy {peer.host}" if peer.is_proxy else peer.host
    try:
        found = within(_DNS_SECONDS, lambda: socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM))
    except TimeoutError:
        return Check(
            "dns",
            "failed",
            f"Looking up {who} took more than {_DNS_SECONDS:g} seconds.",
            "Check the network and the DNS server.",
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Check("dns", "failed", f"{who} has no address ({reason}).", "Check the host name and the network.")
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return ok("dns", f"{who} is {', '.join(addresses[:4])}{', …' if len(addresses) > 4 else ''}")


def examine_tcp(peer: Peer) -> Check:
    """Open a TCP connection and close it."""
    who = f"{'the proxy ' if peer.is_proxy else ''}{peer.host}, port {peer.port}"
    try:
        connection = within(
            _TCP_SECONDS * 2, lambda: socket.create_connection((peer.host, peer.port), timeout=_TCP_SECONDS)
        )
    except TimeoutError:
        return Check(
            "tcp", "failed", f"Connecting to {who} timed out.", "Check firewalls, and whether a proxy is needed."
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Check(
            "tcp", "failed", f"Cannot connect to {who}: {reason}.", "Check that the server is running, and the port."
        )
    connection.close()
    return ok("tcp", f"{who} accepts connections")


def examine_tls(tls: Tls, now: datetime) -> Check:
    """Return the check of an encrypted connection, whose certificate was verified when it was opened."""
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(tls.certificate["notAfter"]), timezone.utc)
    left = end - now
    text = f"{tls.protocol}; the certificate, issued by {_issuer(tls.certificate)}, is valid until {end:%Y-%m-%d}"
    if left < _SOON:
        return Check("tls", "warning", f"{text}.", f"It expires in {duration(max(left.total_seconds(), 0))}: renew it.")
    return ok("tls", text)


def tls_failure(error: ssl.SSLError) -> Check:
    """Return the failed check for an error of TLS."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return Check(
            "tls", "failed", f"The handshake failed ({reason}).", "Check that the server uses TLS on this port."
        )
    return Check(
        "tls", "failed", f"The certificate is not trusted: {error.verify_message}.", _advice(error.verify_code)
    )


def _advice(code: int) -> str:
    if code == _EXPIRED:
        return "The operator of the server must renew it, or the clock of this machine is wrong."
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "Use a host name that the certificate is issued for."
    if code in _UNKNOWN_AUTHORITY:
        return "If you trust the CA that signed it, set SSL_CERT_FILE to the CA's certificate, or pass verify=."
    return "Ask the operator of the server."


def _issuer(certificate: Mapping[str, Any]) -> str:
    names = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    known: List[str] = [names[key] for key in ("organizationName", "commonName") if key in names]
    return known[0] if known else "a CA without a name"
