from django.apps import AppConfig
from django.db.backends.signals import connection_created


class AccountsConfig(AppConfig):
    """The `accounts` package as a Django application."""

    name = "fanal.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Put every connection of the app under the bounds of the actor at work."""
        from fanal.accounts.rows import bind_connection

        connection_created.connect(bind_connection, dispatch_uid="fanal.accounts.rows")
