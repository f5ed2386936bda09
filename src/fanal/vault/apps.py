from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The `vault` package as a Django application."""

    name = "fanal.vault"
    label = "vault"
