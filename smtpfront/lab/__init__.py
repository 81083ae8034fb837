"""Peers to try the gateway against: a sink that keeps what it gets. Not used in production."""
