"""Where a message may go: https and public addresses, unless the deployment says otherwise.

A name is resolved once and the connection goes to the address that was checked, so that a name cannot change its mind
in between (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

import anyio
import httpx

from serving.bundle.errors import InputError, Unavailable

_LONGEST = 2_000
_LAST_PORT = 65_535


@dataclass(frozen=True)
class Allowed:
    """What a deployment allows beside https to public addresses."""

    http: bool = False
    private: bool = False


def check_address(url: str, allowed: Allowed) -> httpx.URL:
    """``url`` as one that a message may be sent to, its name not yet looked up.

    Raises:
        InputError: what is wrong with it; never quotes it whole, since a path may be somebody's secret.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise _unfit("it cannot be read as an address") from None
    if parsed.scheme != "https" and not (parsed.scheme == "http" and allowed.http):
        raise _unfit(f"the scheme is {parsed.scheme[:16]!r}; http needs VIGIE_HOOK_HTTP=1")
    if not parsed.host or parsed.userinfo or parsed.fragment or len(url) > _LONGEST:
        raise _unfit("a host is needed, and no name, password or fragment")
    if parsed.port is not None and not 0 < parsed.port <= _LAST_PORT:
        raise _unfit(f"the port is {parsed.port}, beyond {_LAST_PORT}")
    return parsed


def _unfit(why: str) -> InputError:
    return InputError(f"url: expected https://HOST[:PORT]/PATH; {why}", code="unfit_address", pointer="/url")


async def resolved(url: httpx.URL, allowed: Allowed) -> str:
    """One address of the host of ``url``.

    Raises:
        Unavailable: the name leads nowhere.
        InputError: it leads to an address that is not public, by any of its records.
    """
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        records = await anyio.getaddrinfo(url.raw_host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable("the host's name cannot be looked up; is it spelled well?", code="unknown_host") from None
    found = [str(record[4][0]) for record in records]
    if not allowed.private and not all(is_public(address) for address in found):
        raise _unfit("the host is not on the public network; VIGIE_HOOK_PRIVATE=1 allows it")
    return found[0]


def check_reachable(url: str, allowed: Allowed) -> None:
    """Refuse, before anything is sent, an address that no message would be sent to; see ``resolved``."""
    anyio.run(resolved, check_address(url, allowed), allowed)


def is_public(address: str) -> bool:
    """Whether anybody may be asked to send there: no loopback, private, link-local, shared or multicast address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast
