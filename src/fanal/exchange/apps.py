from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """The `exchange` package as a Django application."""

    name = "fanal.exchange"
    label = "exchange"
