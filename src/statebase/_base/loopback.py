"""The loopback hosts; the clients and the server share this definition."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Return whether a host can only be this machine.

    Args:
        host: A host as in a URL, an IPv6 address without brackets.

    Returns:
        True for `localhost` and its subdomains, and for loopback addresses in their usual form. False for everything
        else, including forms that only some resolvers accept: `127.1`, `0x7f.0.0.1`, `127.0.0.1.`, `::1%lo`.
    """
    name = host.lower()
    if name == "localhost" or name.endswith(".localhost"):
        labels = name.split(".")
        return name.isascii() and all(label.replace("-", "a").replace("_", "a").isalnum() for label in labels)
    from ipaddress import IPv6Address, ip_address  # the import takes milliseconds

    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if "%" in name:
            return False
        mapped = address.ipv4_mapped  # Python before 3.13 ignores it
        return address.is_loopback if mapped is None else mapped.is_loopback
    return address.is_loopback and str(address) == name  # Python 3.9.0 reads 0127 as decimal
