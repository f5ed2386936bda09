from django.apps import AppConfig


class JudicialConfig(AppConfig):
    """The `judicial` package as a Django application."""

    name = "fanal.judicial"
    label = "judicial"
