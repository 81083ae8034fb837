"""The Celery app with its tasks and its schedule: ``celery --app workers.app worker --beat``.

Several beats do no harm: every task can run twice.
"""

import os
import warnings

import django
from celery.platforms import SecurityWarning  # type: ignore[import-untyped]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up first

from gateway.operations import broker  # noqa: E402 - Django must be set up first

# Celery warns of root for the sake of pickled tasks. Ours are one number in JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = broker.app()
app.conf.update(
    imports=[
        "workers.release",
        "workers.learn",
        "workers.sweep",
        "workers.retention",
        "workers.keys",
        "workers.probe",
        "workers.lists",
        "workers.signatures",
        "workers.backups",
        "workers.room",
        "workers.digests",
    ],
    beat_scheduler="workers.schedule:Schedule",
    beat_schedule_filename=str(settings.CONFIG.home / "celery" / "schedule"),
    beat_schedule={
        "sweep": {"task": "release.sweep", "schedule": 60.0, "options": {"expires": 55.0}},
        "lessons": {"task": "learn.sweep", "schedule": 60.0, "options": {"expires": 55.0}},
        "adopt": {"task": "spool.adopt", "schedule": 60.0, "options": {"expires": 55.0}},
        "retention": {"task": "retention.expire", "schedule": 3600.0, "options": {"expires": 3000.0}},
        "signatures": {"task": "signatures.look_again", "schedule": 600.0, "options": {"expires": 500.0}},
        "lists": {"task": "lists.probe", "schedule": 180.0, "options": {"expires": 170.0}},
        "probe": {"task": "probe.look_again", "schedule": 3600.0, "options": {"expires": 3000.0}},
        "backups": {"task": "backups.watch", "schedule": 3600.0, "options": {"expires": 3000.0}},
        "room": {"task": "room.watch", "schedule": 300.0, "options": {"expires": 250.0}},
        "digests": {"task": "digests.send", "schedule": 3600.0, "options": {"expires": 3000.0}},
        "keys": {"task": "keys.tend", "schedule": 3600.0, "options": {"expires": 3000.0}},
    },
)
