from django.apps import AppConfig


class StatisticsConfig(AppConfig):
    """Figures and their daily counts."""

    name = "fanal.statistics"
    label = "statistics"
