"""The console's Django applications."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class WebadminConfig(AppConfig):
    """The console's pages. They are registered one by one, here; nothing is discovered."""

    name = "webadmin"
    verbose_name = "Backstop console"

    def ready(self) -> None:
        """Register the pages of each feature."""
        from webadmin.bounces import admin as bounces  # noqa: PLC0415 - models exist only now
        from webadmin.messages import admin as messages  # noqa: PLC0415 - as its neighbour
        from webadmin.policy import admin as policy  # noqa: PLC0415 - as its neighbour
        from webadmin.quarantine import admin as quarantine  # noqa: PLC0415 - as its neighbour
        from webadmin.system import admin as system  # noqa: PLC0415 - as its neighbour

        for feature in (messages, quarantine, bounces, policy, system):
            feature.register()


class ConsoleConfig(SimpleAdminConfig):
    """Django's admin, with our site."""

    default_site = "webadmin.site.ConsoleSite"
