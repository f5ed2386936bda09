from django.apps import AppConfig


class DeconflictionConfig(AppConfig):
    """The `deconfliction` package as a Django application."""

    name = "fanal.deconfliction"
    label = "deconfliction"
