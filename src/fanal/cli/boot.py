"""The start of a command: data folder, database, Django.

@click.command()
@with_django(DatabaseRole.APP)
def show(…): …

`databases` are the URLs of the database, one for each role.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import django
import psycopg
from django.apps import apps

from fanal.cli.failures import Failed
from fanal.config.databases import DatabaseRefused, Databases, open_databases
from fanal.config.environment import read_environment
from fanal.config.installation import (
    Held,
    check_keys,
    check_vault,
    may_be_made,
    read_held,
    register_keys,
)
from fanal.config.keys import SECRET_FILE, ensure_keys
from fanal.config.migration import DatabaseMark, read_mark, refuse_restoring
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.process import loading
from fanal.postgres.place import make_home
from fanal.postgres.roles import DatabaseRole

UNFINISHED_RESTORE = "restore-unfinished.txt"
"""File in the data folder during a restore: digest of the backup's manifest, line feed, its folder."""
P = ParamSpec("P")
T = TypeVar("T")


def find_home() -> Path:
    """Return the data folder (`FANAL_HOME`); create it if missing.

    Raises:
        SettingRefused: a setting is invalid.
        OSError: the folder cannot be created.
    """
    home = read_environment(os.environ).home
    make_home(home)
    return home.resolve()


def find_vault() -> Path:
    """Return the folder of the vault of sealed objects (setting `FANAL_VAULT`); it is not created.

    Raises:
        SettingRefused: a setting is invalid.
    """
    return read_environment(os.environ).vault


def require_vault(databases: Databases, *, role: DatabaseRole) -> None:
    """Check that the vault folder of this machine is the one that the database names.

    The database is read in the role `role`.

    Raises:
        VaultElsewhere: it is another vault.
        psycopg.Error: the database does not answer.
    """
    check_vault(databases.url(role), find_vault())


def require_keys(databases: Databases, *, role: DatabaseRole, home: Path) -> None:
    """Check that the data folder `home` holds the keys that the database has registered.

    The database is read in the role `role`.

    Raises:
        KeysElsewhere: a registered key is missing, or another is in its place.
        psycopg.Error: the database does not answer.
    """
    public_node = read_environment(os.environ).public_node
    check_keys(databases.url(role), held_keys(home), home=home, public_node=public_node)


def refuse_half_restored(home: Path) -> None:
    """Check that no restore into the data folder `home` was broken off before it repeated the erasures.

    Raises:
        Failed: RESTORE_UNFINISHED: a restore was interrupted, so that erased data may be readable.
    """
    begun = home / UNFINISHED_RESTORE
    if begun.exists():
        raise Failed("RESTORE_UNFINISHED", folder=begun.read_text().partition("\n")[2])


def held_keys(home: Path) -> Held:
    """Return the fingerprints of the keys in the data folder `home` and the environment, by purpose.

    Raises:
        SettingRefused: a setting is invalid.
        KeysMissing: a key file is unreadable, or holds no key.
    """
    environment = read_environment(os.environ)
    return read_held(home, public_node=environment.public_node, secret=environment.secret_key)


def process_environment(
    *, databases: Databases, role: DatabaseRole, home: Path, mark: DatabaseMark | None
) -> dict[str, str]:
    """Return the environment variables of a process of `fanal run` in the database role `role`.

    They have the database URL of that role alone. `home` is the data folder; `mark` says whether the database
    is a demo (None: it is not).
    """
    values = {
        "DATABASE_URL": databases.url(role),
        "FANAL_DB_ROLE": role.value,
        "FANAL_HOME": str(home),
        "FANAL_VAULT": str(find_vault().resolve()),
        "FANAL_DEMO": "1" if mark is DatabaseMark.DEMO else "0",
        "DJANGO_SETTINGS_MODULE": "fanal.config.settings",
        # numpy starts a thread for each core on import; no matrix here is large enough for them.
        "OPENBLAS_NUM_THREADS": "1",
    }
    if not os.environ.get("FANAL_SECRET_KEY"):
        values["FANAL_SECRET_KEY"] = _secret_key(home)  # empty: this process signs for itself
    return values


@contextmanager
def django_as(role: DatabaseRole, *, agrees: bool = True, keys: bool = True) -> Iterator[Databases]:
    """Open the database and start Django in the database role `role`; close both at the end of the block.

    `agrees`: clock and schema must be those of the database; False for the alarm calls only. `keys`: so must
    the keys of this machine; False only where they are accepted in place of lost ones.

    Raises:
        Failed: the database has no tables yet, or a restore into it was broken off.
        DatabaseRefused: the database is unusable, or is being restored from another data folder.
        KeysElsewhere: this machine lacks registered keys, or holds others.
    """
    home = find_home()
    refuse_half_restored(home)
    with open_databases(home=home, environ=os.environ) as databases:
        refuse_restoring(databases.url(role))
        mark = read_mark(databases.url(role))
        if mark is None:
            raise Failed("DATABASE_EMPTY")
        if keys:
            require_keys(databases, role=role, home=home)
        enter_django(databases=databases, role=role, home=home, mark=mark)
        try:
            if agrees:
                refuse_disagreement()
            with _rows_of_the_system():
                yield databases
        finally:
            _close_connections()


def refuse_disagreement() -> None:
    """Check that this process and the database agree on the time and on the version of the schema.

    Raises:
        DatabaseRefused: the clocks or the versions are different.
    """
    from fanal.db import agreement

    if parts := agreement.renew():
        raise DatabaseRefused(f"{agreement.words(parts)}: nothing is done until they agree")


@contextmanager
def _rows_of_the_system() -> Iterator[None]:
    """Give a command access to all rows of the database (row-level security), as the system.

    `actors.reader` then restricts it to the rows of a person.
    """
    from fanal.accounts import row_scope

    with row_scope.shown_to(system_actor("command")):
        yield


def enter_django(
    *, databases: Databases, role: DatabaseRole, home: Path, mark: DatabaseMark | None
) -> None:
    """Start Django in this process, in the database role `role`.

    `home` is the data folder; `mark` says whether the database is a demo (None: it is not).
    """
    os.environ.update(process_environment(databases=databases, role=role, home=home, mark=mark))
    if not apps.ready:
        with loading():
            django.setup()


def make_keys(databases: Databases, *, home: Path) -> None:
    """Create the key files of this installation, for each purpose without a key registered in the database.

    Done before the first migration, as the database's owner, and never on a public node (a server on the
    internet that takes reports). `home` is the data folder.

    Raises:
        SettingRefused: a setting is invalid.
        KeysMissing: the node's certificate or the root's key is unreadable.
        OSError: a key file cannot be written.
        psycopg.Error: the database does not answer.
    """
    environment = read_environment(os.environ)
    if environment.public_node or DatabaseRole.OWNER not in databases.urls:
        return
    owner_url = databases.url(DatabaseRole.OWNER)
    fresh = read_mark(owner_url) is None
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        purposes = may_be_made(connection, fresh=fresh)
    if environment.secret_key:
        purposes -= {"secret"}
    ensure_keys(
        home,
        now=clock.now(),
        origin=environment.ledger_origin,
        node=environment.node,
        purposes=purposes,
    )


def note_keys(databases: Databases, *, home: Path) -> None:
    """Register in the database the keys in the data folder `home` that it does not know yet.

    A folder without any key registers nothing, and is no error.

    Raises:
        KeysElsewhere: this machine lacks registered keys, or holds others.
    """
    register_keys(databases.url(DatabaseRole.OWNER), held_keys(home), home=home)


def with_django(
    role: DatabaseRole, *, seals: bool = False, agrees: bool = True
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that runs a command inside `django_as(role)`: database open, Django started.

    With `seals`, for a command that seals data, the vault must be that of the database too. `agrees` is that
    of `django_as`.
    """

    def decorate(command: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(command)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            with django_as(role, agrees=agrees) as databases:
                if seals:
                    require_vault(databases, role=role)
                return command(*args, **kwargs)

        return wrapped

    return decorate


def _secret_key(home: Path) -> str:
    path = home / "keys" / SECRET_FILE
    return path.read_text().strip() if path.exists() else ""


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()
