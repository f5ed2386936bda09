from django.apps import AppConfig


class CrosscheckConfig(AppConfig):
    """The `crosscheck` package as a Django application."""

    name = "fanal.crosscheck"
    label = "crosscheck"
