"""Network prefixes: what an address counts as, where single addresses cost their owner nothing. Pure."""

import ipaddress

IPV4_BITS = 32
HOST_IPV6 = 64  # bits: whoever has one IPv6 address has the whole /64


def prefix(ip: str, ipv4: int = IPV4_BITS, ipv6: int = HOST_IPV6) -> str:
    """Give the network of an address, by so many bits: ``192.0.2.0/24``; a lone IPv4 address stays as it is."""
    if ":" not in ip:
        if ipv4 == IPV4_BITS:
            return ip
        if ipv4 == 24:  # noqa: PLR2004 - the usual one, without a parser
            return f"{ip.rpartition('.')[0]}.0/24"
        return str(ipaddress.ip_network((ip, ipv4), strict=False))
    return str(ipaddress.ip_network((ip, ipv6), strict=False))
