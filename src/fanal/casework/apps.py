from django.apps import AppConfig


class CaseworkConfig(AppConfig):
    """The `casework` package as a Django application."""

    name = "fanal.casework"
    label = "casework"
