"""The thing that the gateway is measured against: a bare aiosmtpd that only scans and relays, and logs nothing.

Asynchronous INSTREAM over a unix socket, pooled connections to the next hop with TCP_NODELAY, MAIL RCPT and DATA in one
write. No checks, no policy, no trace, no header added. ``python bench/stub.py LISTEN_PORT NEXT_HOP_PORT CLAMD_SOCKET``.
"""

import asyncio
import contextlib
import logging
import socket
import struct
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ScanAndRelay:
    """The handler."""

    def __init__(self, next_hop: int, clamd: str) -> None:
        """Remember the neighbours."""
        self.next_hop, self.clamd = next_hop, clamd
        self.idle: list[Streams] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Scan, relay, answer."""
        del server, session
        content: bytes = envelope.original_content or b""
        if not await self._scan(content):
            return "550 virus"
        try:
            return await self._relay(envelope.mail_from or "", envelope.rcpt_tos, content)
        except (OSError, asyncio.IncompleteReadError):
            return "451 next hop"

    async def _scan(self, content: bytes) -> bool:
        """Ask clamd."""
        reader, writer = await asyncio.open_unix_connection(self.clamd)
        writer.write(b"zINSTREAM\0" + struct.pack("!L", len(content)) + content + struct.pack("!L", 0))
        answer = await reader.read()
        writer.close()
        return answer == b"stream: OK\0"

    async def _relay(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Send the message on over a pooled connection."""
        reader, writer = self.idle.pop() if self.idle else await self._connect()
        commands = [f"MAIL FROM:<{sender.strip('<>')}>", *(f"RCPT TO:<{each}>" for each in recipients), "DATA"]
        writer.write("".join(f"{each}\r\n" for each in commands).encode())
        for _ in commands:
            if (await reader.readuntil(b"\n"))[:1] not in {b"2", b"3"}:
                writer.close()
                return "451 next hop"
        writer.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        answer = await reader.readuntil(b"\n")
        self.idle.append((reader, writer))
        return answer.decode().strip()

    async def _connect(self) -> Streams:
        """Open a connection and greet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.next_hop)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await reader.readuntil(b"\n")
        writer.write(b"EHLO stub.test\r\n")
        while (await reader.readuntil(b"\n"))[3:4] == b"-":
            pass
        return reader, writer


async def main(port: int, next_hop: int, clamd: str) -> None:
    """Serve until killed."""
    logging.disable(logging.CRITICAL)
    handler = ScanAndRelay(next_hop, clamd)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="stub.test", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
