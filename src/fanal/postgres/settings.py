"""The settings that a private server is started with."""

import os
import secrets
import shutil

from fanal.postgres.place import Place

PORT = 5432


def server_options(place: Place) -> dict[str, str]:
    """Return the settings given at each start.

    `fsync` and `synchronous_commit` are not among them: an operator who switched one off must be
    told (provisioning refuses), not overruled.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    disk = shutil.disk_usage(place.root).free // 2**30
    # Dropping and emptying tables looks through all shared memory: more of it would serve a year of volume,
    # which an operator gives to a server of their own. Checkpoints, after which each page goes into the log
    # whole, come seldom.
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{place.socket}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{max(64, min(512, memory // 16))}MB",
        "effective_cache_size": f"{max(256, memory // 3)}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_wal_size": f"{max(1, min(8, disk // 10))}GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "on",
        "random_page_cost": "1.1",
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
