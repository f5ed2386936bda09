"""The server settings of the embedded PostgreSQL, partly computed from the machine's memory."""

import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path

from fanal.postgres.place import ClusterPlace

PORT = 5432
_LIMITS = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
"""Files with the memory limit of a container: cgroup v2, v1."""


def server_options(place: ClusterPlace) -> dict[str, str]:
    """Return the server settings (name: value) with which PostgreSQL is started.

    Names are those of `postgresql.conf`. `place` is the folder of the cluster. `fsync` and
    `synchronous_commit` are not among them: if an operator has switched one off, provisioning refuses with a
    message instead of overruling it.
    """
    memory = _memory() // 2**20
    disk = shutil.disk_usage(place.root).free // 2**30
    # Checkpoints, after which each page is logged completely, are rare. Most such pages are of indexes,
    # which hardly compress: LZ4 took twice the CPU time and saved a seventh of the bytes.
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
        # Partition pruning selects months by their bounds. In addition the planner would read every CHECK
        # of each month for each statement, although none of them distinguishes months.
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
        # After a crash each of some thousand files was opened and synchronised by itself: half of the time
        # until the first call.
        **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
    }


def shared_megabytes(*, memory: int, data: int) -> int:
    """Return the size of `shared_buffers` from the machine's `memory` and the size of the `data`, all in MB.

    A report writes to random pages of the indexes on values, which take a quarter of the stored data. If
    they do not fit into the buffers, page replacement doubles the CPU time of each value. A small server
    gets little, because dropping and truncating tables scans all shared buffers.
    """
    return max(64, min(512, memory // 16), min(8192, memory // 4, data // 3))


def _memory() -> int:
    """Return the memory of the machine in bytes, or the container's limit if lower."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMITS:
        # File of the other cgroup version, or "max" without a limit.
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    return min(found)


def _megabytes_in(folder: Path) -> int:
    """Return the size of a cluster's tables and indexes in MB, 0 before its creation."""
    size = 0
    for where, _, names in os.walk(folder / "base"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # left by a crash, removed meanwhile
                size += Path(where, name).stat().st_size
    return size // 2**20
