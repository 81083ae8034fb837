"""Celery: one file a job, each a few lines that call gateway.operations; and ingest, the loop."""
