"""Quarantined copies: look at them safely, release, delete."""
