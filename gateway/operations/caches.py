"""Has the SMTP processes of this node forget what they keep for a while: answers of DNS, LDAP and next hops.

They look once a second at the age of one file; nothing has to reach them.
"""

from django.conf import settings

from gateway.operations import audit
from gateway.services.dns.cache import CLEAR


def clear(who: str) -> None:
    """Have them forget, within a second, and then write that down.

    Raises OSError; and DatabaseError where it could not be written down: they forget all the same.
    """
    folder = settings.CONFIG.status_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / CLEAR).touch(mode=0o600)
    audit.record(who, "clear cache", f"answers of DNS, LDAP and next hops of {settings.CONFIG.name}")
