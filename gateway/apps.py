"""The Django application that holds the models and commands."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Gateway."""

    name = "gateway"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Backstop"
