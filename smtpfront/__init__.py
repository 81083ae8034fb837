"""The SMTP process. The only importer of aiosmtpd; no Django, no Celery, no database."""
