"""The settings that a private server is started with."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from fanal.postgres.place import ClusterPlace

PORT = 5432
_LIMITS = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
"""Where a container reads how much memory it may take: cgroup v2, v1."""


def server_options(place: ClusterPlace) -> dict[str, str]:
    """Return the settings given at each start.

    `fsync` and `synchronous_commit` are not among them: an operator who switched one off must be
    told (provisioning refuses), not overruled.
    """
    memory = _memory() // 2**20
    disk = shutil.disk_usage(place.root).free // 2**30
    # Checkpoints, after which each page goes into the log whole, come seldom. Most such pages are of keys,
    # which hardly shrink: LZ4 took twice the CPU of writing them as they are, for a seventh of the octets.
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{place.socket}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{shared_megabytes(memory=memory, data=_megabytes_in(place.data))}MB",
        "effective_cache_size": f"{max(256, memory // 3)}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_wal_size": f"{max(1, min(8, disk // 10))}GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "off",
        "random_page_cost": "1.1",
        # Months are chosen by the bounds of their partitions. Beside them the planner would read each CHECK
        # of each month anew for each statement, and none of them tells months apart.
        "constraint_exclusion": "off",
        "jit": "off",
        # The log is readable by operators: no statement, no parameter, no row detail in it.
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] ",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
        "cluster_name": f"fanal-{secrets.token_hex(2)}",
    }


def shared_megabytes(*, memory: int, data: int) -> int:
    """Return how much memory a server shares, of the machine's `memory`, when it holds `data`; all in MB.

    A report writes all over the indexes of values, a quarter of what is stored: where they do not fit, a
    value costs twice its CPU in pages that come and go. A small server keeps to little, since dropping and
    emptying tables looks through all of it.
    """
    return max(64, min(512, memory // 16), min(8192, memory // 4, data // 3))


def _memory() -> int:
    """Return the memory of the machine, or what a container may take of it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMITS:
        # The other version; "max" where there is no bound.
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    return min(found)


def _megabytes_in(folder: Path) -> int:
    """Return the size of the tables and indexes of a cluster, 0 before it is made."""
    size = 0
    for where, _, names in os.walk(folder / "base"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # of a crash: cleared away meanwhile
                size += Path(where, name).stat().st_size
    return size // 2**20
