from django.apps import AppConfig


class AnalyseConfig(AppConfig):
    """The `analyse` package as a Django application."""

    name = "fanal.analyse"
    label = "analyse"
