"""The way to the next hop: the held-open transaction, its pooled connections, and the header lines put in front.

``Pool.begin`` opens a transaction, ``NextHopTransaction.rcpt`` repeats a RCPT, ``send`` relays and ``abandon`` gives
up. Nothing here decides anything: what the next hop answers to RCPT and to the final dot is a value, all other trouble
is a ``RouteFault``.
"""
