"""Which addresses a webhook may speak to: the outside, and what the operator allows of the inside.

Somebody who may write an address here must not thereby reach what only this machine can: a
database, an administration page, the metadata of a cloud. A name says nothing about where it
leads, and may lead elsewhere a moment later; so addresses are judged where the connection is made,
and the connection is made to the very one that was judged.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterable

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds answer a machine about itself: never, whatever is allowed. That of Azure is in the
# public space (learn.microsoft.com, "What is IP address 168.63.129.16?").
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)
# Below, a port is a known service's (RFC 6335); of those the web's alone are spoken to, since mail
# and others take a request for orders of theirs.
FIRST_FREE, WEB = 1024, (80, 443)
# IPv6 addresses whose last 32 bits are an IPv4 address: NAT64, whose packets reach it (RFC 6052),
# its local kind (RFC 8215), and a form that nobody uses any more (RFC 4291).
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LAST_32 = [NAT64, ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::/96")]


class Unreachable(Exception):
    """Why an address is not spoken to, or where a name leads nowhere; in words."""


class Inside(Unreachable):
    """An address of this machine or of the network around it, that is not allowed."""


def behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does; else itself."""
    if address.version == 4:
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    number = int(address)
    if number > 1 and any(address in network for network in LAST_32):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return address


def is_outside(address: Address) -> bool:
    """Whether the whole internet knows that address, and by it one machine.

    One that stands for an IPv4 address is judged by that where it is the same to the network; the
    tunnels that are no more (6to4, Teredo) lead nowhere that is meant.
    """
    meant = behind(address)
    if meant is not address:
        return bool(address.ipv4_mapped or address in NAT64) and is_outside(meant)
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_link_local
        or address.is_loopback
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
    )


def allowed(host: str) -> tuple[list, bool]:
    """The networks that ``settings.WEBHOOKS_MAY_REACH`` allows, and whether it names the host."""
    networks, is_named = [], False
    for entry in settings.WEBHOOKS_MAY_REACH:
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            is_named |= entry.lower().rstrip(".") == host.lower().rstrip(".")
    return networks, is_named


def judge(text: str, host: str) -> None:
    """Raise Inside unless a webhook to this host may speak to the address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    meant = behind(address)
    if {address, meant} & METADATA:
        raise Inside(f"{host} leads to {meant}, where a cloud answers its machines.")
    networks, is_named = allowed(host)
    if is_named or any(one in network for network in networks for one in (address, meant)):
        return
    if not is_outside(address):
        where = f"{host} is" if host == str(address) else f"{host} leads to {meant}, which is"
        raise Inside(
            f"{where} inside: webhooks go to the outside alone, and where WEBHOOKS_MAY_REACH "
            "allows."
        )


def judge_port(port: int) -> None:
    """Raise Inside for a port of another service than the web: mail, files, a shell. One of 1024
    and above is anybody's."""
    if port < FIRST_FREE and port not in WEB:
        raise Inside(f"Port {port} is another service's: a webhook goes to 443, or from 1024 on.")


def judge_literal(host: str) -> None:
    """Raise Inside for a host that is written as an address, or as localhost, and not allowed."""
    text = "127.0.0.1" if host.lower().rstrip(".") == "localhost" else host.strip("[]")
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return  # a name: where it leads is known when it is used
    judge(text, host.strip("[]"))


def resolve(host: str, port: int, seconds: float) -> Iterable[tuple]:
    """The addresses of a host as `socket.getaddrinfo` gives them, each judged, and the port.

    Raises Inside where any of them is: a name that leads to both sides is refused, not sorted.
    Raises Unreachable where the name leads nowhere, or is not told within so many seconds.
    """
    judge_port(port)
    found: list = []
    asking = threading.Thread(target=_ask, args=(host, port, found), daemon=True)
    asking.start()
    asking.join(seconds)  # the system's resolver knows no time limit
    if not found:
        raise Unreachable(f"Where {host} leads was not told within {seconds:.0f} seconds.")
    if isinstance(found[0], Exception):
        raise Unreachable(f"{host} leads nowhere: {found[0]}") from found[0]
    for *_, place in found[0]:
        judge(place[0], host)
    return found[0]


def _ask(host, port, found):
    try:
        found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        found.append(ValueError(getattr(error, "strerror", None) or str(error)))
