"""Accounts that may send by SMTP AUTH."""

from django.db import models


class Account(models.Model):
    """A login, and the sender addresses mapped to it. The password's hash lies in the secrets folder."""

    login = models.CharField(max_length=255, unique=True)
    addresses = models.JSONField(default=list, blank=True, help_text="user@domain, or *@domain.")
    secret = models.CharField(max_length=64, editable=False, help_text="Id of the file that holds the hash.")
    enabled = models.BooleanField(default=True)

    class Meta:
        """Table options."""

        ordering = ("login",)

    def __str__(self) -> str:
        """Give the login."""
        return self.login
