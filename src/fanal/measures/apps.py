from django.apps import AppConfig


class MeasuresConfig(AppConfig):
    """The `measures` package as a Django application."""

    name = "fanal.measures"
    label = "measures"
