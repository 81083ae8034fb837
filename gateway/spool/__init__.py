"""The durable store of what was quarantined, and the journal of traces. Files only: no database, no broker."""
