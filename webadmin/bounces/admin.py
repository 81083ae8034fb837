"""Registers the pages of false bounces."""

from django.contrib import admin

from gateway.models import Backscatterer, Storm
from webadmin.bounces.backscatterers import BackscattererAdmin
from webadmin.bounces.storms import StormAdmin


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(Storm, StormAdmin)
    admin.site.register(Backscatterer, BackscattererAdmin)
