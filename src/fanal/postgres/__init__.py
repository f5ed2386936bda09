"""Launcher of the private PostgreSQL: standard library only.

`Cluster.open(home=…, environ=…)` finds binaries and a place for the cluster; `start`, `stop` and
`release` drive it. Roles, grants and migrations are the business of `fanal.config`.
"""

from fanal.postgres.account import AccountMissing, SystemAccount
from fanal.postgres.binaries import Binaries, NoBinaries, find_binaries
from fanal.postgres.cluster import Cluster, ClusterFailed
from fanal.postgres.passwords import PasswordFile
from fanal.postgres.place import PlaceRefused
from fanal.postgres.roles import DatabaseRole

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
