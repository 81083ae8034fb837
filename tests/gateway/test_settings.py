"""What Django is told of the configuration."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TELL = "import json; from gateway import settings; print(json.dumps(settings.DATABASES['default'].get('OPTIONS')))"


@pytest.mark.parametrize(("asked", "seconds"), [("", 10), ("?connect_timeout=3", 3)])
def test_nobody_waits_for_minutes_for_a_postgresql_that_does_not_answer(
    tmp_path: Path, asked: str, seconds: int
) -> None:
    environment = os.environ | {
        "BACKSTOP_NODE__HOME": str(tmp_path),
        "BACKSTOP_DATABASE__URL": f"postgresql://gateway@192.0.2.1/gateway{asked}",
    }
    said = subprocess.check_output((sys.executable, "-c", TELL), env=environment, text=True)
    assert int(json.loads(said)["connect_timeout"]) == seconds
