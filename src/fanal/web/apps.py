from django.apps import AppConfig


class WebConfig(AppConfig):
    """Django application of the pages, templates and static files."""

    name = "fanal.web"
    label = "web"

    def ready(self) -> None:
        """Register the signal receivers for changes of second factors."""
        from fanal.web.account import second_factor  # noqa: F401
