from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The `ledger` package as a Django application."""

    name = "fanal.ledger"
    label = "ledger"
