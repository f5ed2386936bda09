from django.apps import AppConfig


class HarmoniseConfig(AppConfig):
    """The `harmonise` package as a Django application."""

    name = "fanal.harmonise"
    label = "harmonise"
