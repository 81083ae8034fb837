"""``spf --client IP --sender ADDRESS --helo NAME``: what SPF (RFC 7208) says, by the configured DNS servers."""

import argparse
import asyncio
import ipaddress
import json
import sys
from collections.abc import Sequence

import msgspec

from gateway import config as node_config
from gateway.services import spf
from gateway.services.dns import DnsResolver
from gateway.services.spf import SpfResult


def main(arguments: Sequence[str]) -> int:
    """Run the command; gives the exit status. A sender who may not send is no failure of the command."""
    options = _parser().parse_args(arguments)
    try:
        config = node_config.load()
        got = asyncio.run(_check(config, options))
    except (ValueError, node_config.ConfigError) as error:
        sys.stderr.write(f"spf: {error}\n")
        return 1
    if options.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(got)) + "\n")
    else:
        sys.stdout.write(f"{got.result} for {got.identity} {got.domain}\n{got.explanation}\n".rstrip("\n") + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    """Declare the arguments."""
    parser = argparse.ArgumentParser(description="Say what SPF says of a client and a sender.")
    parser.add_argument("--client", required=True, type=_address, metavar="IP", help="the client's address")
    parser.add_argument("--sender", default="", metavar="ADDRESS", help="the envelope sender; empty: the null sender")
    parser.add_argument("--helo", default="", metavar="NAME", help="what the client calls itself")
    parser.add_argument(
        "--void-limit", type=int, default=spf.VOID_LIMIT, metavar="N", help="look-ups that find nothing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _address(text: str) -> str:
    """Read an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address; write 192.0.2.1 or 2001:db8::1") from None


async def _check(config: node_config.Config, options: argparse.Namespace) -> SpfResult:
    """Ask. Raises ValueError for a DNS server that is none."""
    resolver = DnsResolver(config.dns)
    try:
        return await spf.check(
            resolver,
            ip=options.client,
            sender=options.sender.strip("<>"),
            helo=options.helo,
            receiver=config.name,
            void_limit=options.void_limit,
        )
    finally:
        await resolver.close()
