"""The five database roles; what each may do is `fanal.config.grants`."""

from enum import StrEnum


class DatabaseRole(StrEnum):
    """A role of the database: its value is `FANAL_DB_ROLE`, its login name `fanal_<value>`."""

    OWNER = "owner"
    """Owns the tables: migrations and grants only."""
    APP = "app"
    """The desk and the full web node."""
    WORKER = "worker"
    """Stages, schedule and sends."""
    AUDITOR = "auditor"
    """Reads; writes nothing."""
    INTAKE = "intake"
    """A public node: deposits, and reads its own keys and statuses only."""

    @property
    def login(self) -> str:
        """The name under which the role signs in to PostgreSQL."""
        return f"fanal_{self.value}"
