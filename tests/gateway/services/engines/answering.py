"""A server that answers everyone with the same octets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Answering:
    """Where it is, and what it was told."""

    def __init__(self) -> None:
        self.address = ""
        self.told: list[bytes] = []


@asynccontextmanager
async def answering(answer: bytes | None, *, times: int = 1000) -> AsyncIterator[Answering]:
    """Answer with these octets and hang up; None never answers. After so many times it only hangs up."""
    server = Answering()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.told.append(await reader.read(65536))
        if answer is None:
            await over.wait()
        elif len(server.told) <= times:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.address = f"{host}:{port}"
    try:
        yield server
    finally:
        over.set()
        listening.close()
