from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Wires the packages together once Django is ready."""

    name = "fanal.config"
    label = "config"

    def ready(self) -> None:
        """Fill the registries of the lower packages from the settings."""
        from fanal.config import wiring

        wiring.wire()
