"""Digests: once a day, a list of what was quarantined, for recipients or the administrator of a domain.

Nobody else is ever told: not a sender, and no address outside of our own domains.
"""

from gateway.operations.digests.choosing import preview
from gateway.operations.digests.sending import forget, send

__all__ = ["forget", "preview", "send"]
