"""Launcher of the embedded PostgreSQL, with the standard library only.

`Cluster.open(home=…, environ=…)` finds binaries and folders; `hold`, `release`, `start` and `stop` control
the server. Roles, grants and migrations belong to `fanal.config`.
"""

from fanal.postgres.binaries import Binaries, NoBinaries, find_binaries
from fanal.postgres.cluster import Cluster, ClusterFailed
from fanal.postgres.place import AccountMissing, PlaceRefused, SystemAccount
from fanal.postgres.roles import DatabaseRole, PasswordFile

__all__ = [
    "AccountMissing",
    "Binaries",
    "Cluster",
    "ClusterFailed",
    "DatabaseRole",
    "NoBinaries",
    "PasswordFile",
    "PlaceRefused",
    "SystemAccount",
    "find_binaries",
]
