"""The five database roles: names, settings and logins; `fanal.db.grants` defines their privileges."""

from enum import StrEnum


class DatabaseRole(StrEnum):
    """A database role; its value is the one in the setting `FANAL_DB_ROLE`, its login `fanal_<value>`.

    Owner of the tables, the desk's web application, worker, auditor (reads only), and intake (public nodes).
    """

    OWNER = "owner"
    """Owns the tables: for migrations and grants only."""
    APP = "app"
    """The desk's web process."""
    WORKER = "worker"
    """Processing stages, schedule and messages."""
    AUDITOR = "auditor"
    """Read-only."""
    INTAKE = "intake"
    """A public node: submits reports, and reads only its own keys and statuses."""

    @property
    def login(self) -> str:
        """The login of the role in PostgreSQL."""
        return f"fanal_{self.value}"
