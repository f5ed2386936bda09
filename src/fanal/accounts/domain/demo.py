"""The accounts of the demo, their public passwords, and when their roles are renewed."""

from dataclasses import dataclass
from datetime import timedelta

from fanal.accounts.domain.records import OrganisationKind
from fanal.kernel.actors import Role

RENEWED_BEFORE = timedelta(days=30)
"""A role that ends within this time is granted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """An account of the demo, with one role.

    `username` is the login, `name` the invented name of the person; `organisation` is (kind, name) of the
    organisation for roles outside the desk, None for others.
    """

    username: str
    role: Role
    name: str
    organisation: tuple[OrganisationKind, str] | None = None

    @property
    def password(self) -> str:
        """The password: public, since the account gives access to synthetic data on loopback only."""
        return f"fanal-demo-{self.username}"


DEMO_ACCOUNTS: tuple[DemoAccount, ...] = (
    DemoAccount(username="ana", role=Role.ANALYST, name="Ana Lemoine"),
    DemoAccount(username="bruno", role=Role.ANALYST, name="Bruno Sallé"),
    DemoAccount(username="claire", role=Role.SUPERVISOR, name="Claire Autier"),
    DemoAccount(username="helene", role=Role.SUPERVISOR, name="Hélène Roussel"),
    DemoAccount(username="driss", role=Role.JUDICIAL_OFFICER, name="Driss Benali"),
    DemoAccount(username="elise", role=Role.MEASURES_OFFICER, name="Élise Marchand"),
    DemoAccount(username="farid", role=Role.MEASURES_OFFICER, name="Farid Kaci"),
    DemoAccount(username="gabrielle", role=Role.OVERSEER, name="Gabrielle Noël"),
    DemoAccount(username="hugo", role=Role.STATISTICIAN, name="Hugo Vidal"),
    DemoAccount(
        username="ines",
        role=Role.LABORATORY,
        name="Inès Robin",
        organisation=(OrganisationKind.LABORATORY, "Laboratoire Exemple"),
    ),
    DemoAccount(
        username="jules",
        role=Role.PARTNER,
        name="Jules Perrin",
        organisation=(OrganisationKind.PARTNER, "plateforme-exemple"),
    ),
    DemoAccount(username="karim", role=Role.ADMINISTRATOR, name="Karim Tessier"),
)
