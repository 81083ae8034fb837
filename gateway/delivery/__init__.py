"""The way to the next hop: the held-open transaction, its pool, and the headers that we add."""
