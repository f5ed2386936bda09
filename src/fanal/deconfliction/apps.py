from django.apps import AppConfig


class DeconflictionConfig(AppConfig):
    """De-confliction."""

    name = "fanal.deconfliction"
    label = "deconfliction"
