from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The Django application of the package `config`: it configures all other packages at start-up."""

    name = "fanal.config"
    label = "config"

    def ready(self) -> None:
        """Install settings and implementations in the registries of all packages (dependency injection)."""
        from fanal.config import wiring

        wiring.wire()
