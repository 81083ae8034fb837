"""The console's Django application."""

from django.apps import AppConfig


class WebadminConfig(AppConfig):
    """Webadmin."""

    name = "webadmin"
    verbose_name = "Backstop console"
