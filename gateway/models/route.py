"""Routes: where mail goes next."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gateway.models.choices import choices
from gateway.policy.snapshot import TlsLevel


class Route(models.Model):
    """A named way to one or several next hops, tried in order."""

    name = models.SlugField(unique=True)
    tls = models.CharField(
        "TLS", max_length=16, choices=choices(TlsLevel), default=TlsLevel.MAY, help_text="How it is protected."
    )
    username = models.CharField(max_length=255, blank=True, help_text="For AUTH to the next hop; empty: no AUTH.")
    secret = models.CharField(max_length=64, blank=True, help_text="Id of the file that holds the password.")

    class Meta:
        """Table options."""

        ordering = ("name",)

    def __str__(self) -> str:
        """Give the name."""
        return self.name


class RouteHost(models.Model):
    """One next hop of a route."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="hosts")
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower is tried first.")
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=25, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    tls_from_start = models.BooleanField("TLS from the start", default=False)

    class Meta:
        """Table options."""

        ordering = ("route", "position", "id")
        verbose_name = "next hop"

    def __str__(self) -> str:
        """Give host:port."""
        return f"{self.host}:{self.port}"
