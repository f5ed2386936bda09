from django.apps import AppConfig


class OrientConfig(AppConfig):
    """The `orient` package as a Django application."""

    name = "fanal.orient"
    label = "orient"
