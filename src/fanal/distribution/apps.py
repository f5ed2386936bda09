from django.apps import AppConfig


class DistributionConfig(AppConfig):
    """The `distribution` package as a Django application."""

    name = "fanal.distribution"
    label = "distribution"
