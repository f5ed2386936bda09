from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages, templates and static files."""

    name = "fanal.web"
    label = "web"
