from django.apps import AppConfig


class IntakeConfig(AppConfig):
    """The `intake` package as a Django application."""

    name = "fanal.intake"
    label = "intake"
