from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """The exchange of lists."""

    name = "fanal.exchange"
    label = "exchange"
