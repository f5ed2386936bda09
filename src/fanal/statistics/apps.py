from django.apps import AppConfig


class StatisticsConfig(AppConfig):
    """The `statistics` package as a Django application."""

    name = "fanal.statistics"
    label = "statistics"
