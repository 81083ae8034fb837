"""What the playbooks write is made once for all tests of a process."""

from tests.deploy.rendering import rendered

__all__ = ["rendered"]
