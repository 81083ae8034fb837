"""The thing that a refusal is measured against: a bare aiosmtpd that refuses every recipient, and logs nothing.

``python bench/refuser.py LISTEN_PORT``.
"""

import asyncio
import contextlib
import logging
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Refuse:
    """The handler."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse."""
        del server, session, envelope, address, options
        return "550 5.1.1 no such recipient here"


async def main(port: int) -> None:
    """Serve until killed."""
    logging.disable(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Refuse(), hostname="stub.test", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
