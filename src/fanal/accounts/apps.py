from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The `accounts` package as a Django application."""

    name = "fanal.accounts"
    label = "accounts"
