from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The Django application that installs settings and implementations in all packages at start-up."""

    name = "fanal.config"
    label = "config"

    def ready(self) -> None:
        """Install settings and implementations in the registries of all packages (dependency injection)."""
        from fanal.config import wiring

        wiring.wire()
