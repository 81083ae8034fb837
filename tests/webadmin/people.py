"""Who looks, and at what."""

from django.contrib.auth.models import Permission, User
from django.test import Client

from gateway.models import QuarantinedCopy


def person(*permissions: str) -> Client:
    """A client signed in as somebody who has these permissions only."""
    user = User.objects.create_user("berta", password="berta-password-1", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def a_copy() -> QuarantinedCopy:
    """Give a copy that is in quarantine."""
    return QuarantinedCopy.objects.filter(state="quarantined").order_by("id")[0]
