from django.apps import AppConfig
from django.db.backends.signals import connection_created


class AccountsConfig(AppConfig):
    """The `accounts` package as a Django application."""

    name = "fanal.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Install row-level security on the app's new database connections, and the access-control policy."""
        from fanal.accounts.domain.policy import require_somewhere
        from fanal.accounts.row_scope import bind_connection
        from fanal.kernel import rights

        rights.install(require_somewhere)
        connection_created.connect(bind_connection, dispatch_uid="fanal.accounts.row_scope")
