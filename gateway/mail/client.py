"""The connected SMTP client: who speaks to us, as far as the connection tells."""

import msgspec

from gateway.mail.reply import Reply


class Client(msgspec.Struct, frozen=True, omit_defaults=True):
    """One connected client.

    ``ip`` is the address in its shortest form (IPv4-mapped IPv6 is unwrapped); ``helo`` is what it called itself;
    ``tls`` names protocol version and cipher, or is empty; ``account`` is the login after AUTH. ``forwarder`` is the
    name of the trusted forwarder whose networks hold the address, or empty; ``balancer`` is the address of the load
    balancer that told the client's by the PROXY protocol, or empty.
    """

    ip: str
    port: int = 0
    helo: str = ""
    esmtp: bool = False
    tls: str = ""
    account: str = ""
    forwarder: str = ""
    balancer: str = ""

    def hears(self, reply: Reply) -> Reply:
        """Give a reply as this client may hear it: a trusted forwarder would make a bounce of a 5xx."""
        return reply.for_now() if self.forwarder else reply
