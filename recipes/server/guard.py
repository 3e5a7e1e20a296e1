"""Keeps other sites' pages from a server that only this machine can reach.

A browser on this machine reaches it, too. A page from anywhere may send it requests, and reads the
answers if it comes from a name that its owner has pointed at this machine since: DNS rebinding.
Such a name stands in the header Host; localhost and the number of an address are no such names.
The header Origin names the site of the page that asks.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """Returns whether only this machine reaches an address, such as "127.0.0.1" or "::1"."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refusal(headers: Mapping[str, str]) -> str:
    """Returns why a server at a loopback address does not answer; empty if it does.

    Programs need not send the two headers; browsers do. Of pages, only the server's own may ask: a
    page at another port or number of this machine is another's.
    """
    host, origin = headers.get("host"), headers.get("origin")
    if host is not None and not _is_local(f"//{host}"):
        return (
            "A server at a loopback address is asked as localhost or 127.0.0.1. Received: Host: "
            f"{host:.200}. To answer by other names start it with --host 0.0.0.0, for whoever can "
            "reach this machine."
        )
    place = None if origin is None else _place(origin)
    if origin is not None and (place is None or place != _place(f"http://{host}")):
        return (
            "Only the server's own page may ask it: the host and the port of the header Origin must"
            f" be those of Host. Received: Origin: {origin:.200}, Host: {host or 'none':.200}"
        )
    return ""


def _place(address: str) -> tuple[str, int | None] | None:
    """Returns the host and the port of an address; None where it names none."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None


def _is_local(address: str) -> bool:
    place = _place(address)
    if place is None:
        return False
    name = place[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return bool(ip_address(name.partition("%")[0]))
    except ValueError:
        return False
