"""Keeps other sites' pages from a server that only this machine can reach.

A browser on this machine reaches it, too. A page from anywhere may send it requests, and reads the
answers if it comes from a name that its owner has pointed at this machine since: DNS rebinding.
Such a name stands in the header Host; localhost and the number of an address are no such names.
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

    Programs need not send the two headers; browsers do.
    """
    host, origin = headers.get("host"), headers.get("origin")
    if host is not None and not _is_local(f"//{host}"):
        return (
            "A server at a loopback address is asked as localhost or 127.0.0.1. Received: Host: "
            f"{host:.200}. To answer by other names start it with --host 0.0.0.0, for whoever can "
            "reach this machine."
        )
    is_of_a_site = origin is not None and origin.startswith(("http:", "https:", "null"))
    if is_of_a_site and not _is_local(origin):  # others are programs', such as extensions
        return f"The page of another site may not ask this server. Received: Origin: {origin:.200}"
    return ""


def _is_local(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return bool(ip_address(name.partition("%")[0]))
    except ValueError:
        return False
