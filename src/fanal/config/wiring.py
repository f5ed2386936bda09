"""Who implements what: the one place that reads Django's settings and hands values down."""


def wire() -> None:
    """Fill the registries of the lower packages; called once at start."""
