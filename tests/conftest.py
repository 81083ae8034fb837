"""Every test process has a home of its own, and a database that its subprocesses can open too.

SQLite in a file of that home by default; PostgreSQL when BACKSTOP_DATABASE__URL names one.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import pytest
from django.conf import settings as django_settings

from gateway import config as node_config
from tests.fixtures_rspamd import rspamd
from tests.fixtures_spamd import spamd

__all__ = ["rspamd", "spamd"]  # here, so that one of each serves all tests of a process

# pytest-django has loaded the settings before this file is read: what depends on the home is set again.
HOME = Path(tempfile.mkdtemp(prefix="backstop-test-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["BACKSTOP_NODE__HOME"] = str(HOME)
os.environ["BACKSTOP_NODE__NAME"] = "gateway.example.test"
os.environ["BACKSTOP_DNS__SERVERS"] = '["127.0.0.1:9"]'  # nobody answers: no test asks the machine's own servers
django_settings.CONFIG = node_config.load()
django_settings.HOME = HOME
django_settings.STATIC_ROOT = HOME / "static"


_DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker by which a run can be narrowed down."""
    config.addinivalue_line("markers", "database: uses the database, and runs on PostgreSQL too (set by itself)")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test by its octets only where they are few: archives made for it differ in their times."""
    return f"{argname}-{len(val)}" if isinstance(val, bytes) and len(val) > 32 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the database, so that nobody has to remember it."""
    for item in items:
        if item.get_closest_marker("django_db") or _DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(scope="session")
def django_db_modify_db_settings_parallel_suffix() -> None:
    """Keep the database's name on SQLite: the homes differ already. On PostgreSQL xdist's suffix is wanted."""
    from django.db import connections  # noqa: PLC0415 - only tests with a database load it

    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        # The file that the configuration means, so that a subprocess with this home opens it too.
        database["NAME"] = database["TEST"]["NAME"] = str(HOME / "backstop.sqlite3")
    elif worker := os.environ.get("PYTEST_XDIST_WORKER"):
        database["TEST"]["NAME"] = f"test_{database['NAME']}_{worker}"


@pytest.fixture
def config() -> node_config.Config:
    """The configuration of this test process."""
    return node_config.load()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home for this test alone; the database stays the process' one."""
    of_test = msgspec.structs.replace(
        django_settings.CONFIG, node=msgspec.structs.replace(django_settings.CONFIG.node, home=tmp_path)
    )
    monkeypatch.setattr(django_settings, "CONFIG", of_test)
    return tmp_path


@pytest.fixture
def subprocess_environment() -> dict[str, str]:
    """The environment in which a subprocess finds this test process' home and database."""
    from django.db import connection  # noqa: PLC0415 - only tests with a database load it

    environment = dict(os.environ)
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["BACKSTOP_DATABASE__URL"])
        environment["BACKSTOP_DATABASE__URL"] = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    return environment
