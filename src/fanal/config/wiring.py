"""Dependency injection: the only reader of Django's settings, and the installation of implementations."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection

from fanal.analyse.material.operations import index as material
from fanal.casework.operations import deciding, doubts
from fanal.casework.operations.deciding import Opens
from fanal.config.installation import complaints, read_held, read_known
from fanal.config.keys import KeysMissing, keys_folder, load_keys, node_fault, node_misfit
from fanal.config.mailing import mailer_of
from fanal.config.transparency import FOLDER, log_keys_here, origin_of
from fanal.connectors import mail, outside, witness
from fanal.db import agreement
from fanal.intake.domain.pressure import Limits
from fanal.intake.queries.work import install_limits
from fanal.judicial import operations as judicial
from fanal.judicial.domain.kinds import REFERRAL
from fanal.kernel import clock
from fanal.ledger import signer
from fanal.measures.blocking import views as blockings
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.dereferencing import views as dereferencings
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.notice import acts as notices
from fanal.measures.notice.kind import NOTICE
from fanal.measures.operations import issuing_authority
from fanal.measures.operations.drafts import open_from_decision
from fanal.measures.operations.lasting import record_doubts
from fanal.measures.removal.kind import REMOVAL
from fanal.orient.domain.records import Track
from fanal.vault import keyring, mark as vault_mark
from fanal.vault.mark import read_mark
from fanal.web import health
from fanal.web.account import demo, second_factor
from fanal.web.public import setup as public_pages

OPENS = (
    Opens(track=Track.MEASURES, lifecycle=REMOVAL, draft=open_from_decision),
    Opens(track=Track.NOTICE, lifecycle=NOTICE, draft=notices.open_from_decision),
    Opens(track=Track.JUDICIAL, lifecycle=REFERRAL, draft=judicial.open_from_decision),
)
"""The lifecycle, and the function that drafts an act, for each track of a decision."""


def wire() -> None:
    """Install settings and implementations in the registries of all packages; called once at start-up.

    Raises:
        KeysMissing: the key folder has keys, but is incomplete.
    """
    keep_compiled(settings.FANAL_HOME / "cache")
    agreement.install(agreement.AgreementWatch())
    mail.install(mailer_of(settings.ENV))
    outside.install(outside.Door(loopback=settings.FANAL_DEMO))
    witness.install(
        witness.PublicLog(
            home=settings.FANAL_HOME,
            folder=settings.FANAL_HOME / FOLDER,
            keys=partial(log_keys_here, home=settings.FANAL_HOME, origin=origin_of(settings.ENV)),
        )
    )
    deciding.install(OPENS, followed=[BLOCKING, DEREFERENCING])
    doubts.install(
        [
            partial(record_doubts, lifecycle=BLOCKING, rests=blockings.removals_of),
            partial(record_doubts, lifecycle=MIRROR, rests=blockings.removals_of),
            partial(record_doubts, lifecycle=DEREFERENCING, rests=dereferencings.removals_of),
        ]
    )
    issuing_authority.install(
        flagger=settings.ENV.flagger,
        stop_host=settings.ENV.stop_host,
        hosts=[host.lower().strip("*.") for host in settings.ENV.hosts],
    )
    material.install(folder=settings.FANAL_HOME / "index")
    demo.install(on=settings.FANAL_DEMO)
    second_factor.install(
        required=not settings.FANAL_DEMO, fresh=timedelta(minutes=settings.FANAL_STEP_UP_MINUTES)
    )
    second_factor.install_key(secret=settings.SECRET_KEY)
    health.install(keys=lambda: holds_known_keys() and signs_receipts(), vault=vault_mark.is_own)
    install_limits(
        limits=Limits(
            backlog=settings.FANAL_BACKLOG_LIMIT,
            reserve=settings.FANAL_DISK_RESERVE_MB << 20,
            largest_file=settings.FANAL_MAX_FILE_MB << 20,
        )
    )
    public_pages.install(
        public_pages.PublicNode.under(
            settings.FANAL_HOME,
            secret=settings.SECRET_KEY,
            keep_address=settings.FANAL_KEEP_REPORTER_ADDRESS,
        )
    )
    if (keys_folder(settings.FANAL_HOME) / "digest.key").exists():
        wire_keys(
            settings.FANAL_HOME,
            public_node=settings.FANAL_PUBLIC_NODE,
            vault=settings.FANAL_VAULT,
            signs=settings.FANAL_SIGNS,
        )


def holds_known_keys() -> bool:
    """Return whether the key folder on disk holds the keys registered in the database.

    Raises:
        DatabaseError, psycopg.Error: the database does not answer.
    """
    public_node = settings.FANAL_PUBLIC_NODE
    try:
        held = read_held(settings.FANAL_HOME, public_node=public_node, secret=settings.SECRET_KEY)
    except KeysMissing:
        return False
    connection.ensure_connection()
    known = read_known(connection.connection)
    return not complaints(held, known, public_node=public_node)


def signs_receipts() -> bool:
    """Return whether this process and its key folder can sign verifiable receipts now.

    Without a receipt no report is acknowledged, so that a node that cannot sign is not ready.
    """
    now = clock.now()
    try:
        signs = keyring.current().signs_receipts(now)
    except keyring.KeyMissing:
        return False
    return signs and node_fault(settings.FANAL_HOME, now=now) is None


def keep_compiled(folder: Path, *, package: Path = Path(__file__).parents[1]) -> None:
    """Set the cache of Numba's compiled functions to `folder` if the folder `package` is read-only.

    `package` is the folder of Fanal's own code, where Numba keeps them otherwise. With no writable cache, as
    for a service without a home, Numba functions are not compiled at all.
    """
    if not os.access(package, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))


def wire_keys(
    home: Path, *, public_node: bool, vault: Path | None = None, signs: bool = True
) -> None:
    """Install the keys of `home` and the vault; a public node gets no opening key and no checkpoint key.

    `vault`: the vault's folder, None for `vault` in `home`. `signs`: whether to load the checkpoint key. Only
    the worker does; web processes never read it.

    Raises:
        KeysMissing: the key folder is incomplete.
    """
    keys = load_keys(home, public_node=public_node, signs=signs)
    signer.install(
        signer.LedgerKeys(
            origin=keys.ledger_known[-1].name,
            digest_key=keys.digest,
            signing_key=keys.ledger_signing,
            known_keys=keys.ledger_known,
            checkpoint_file=home / "log" / "checkpoints.txt",
        )
    )
    folder = vault or home / "vault"
    keyring.install(
        keyring.Keyring(
            vault_folder=folder,
            vault_mark=_mark_of(folder),
            content=keys.content,
            identity=keys.identity,
            opening=keys.opening,
            digest_key=keys.digest,
            digest_keys=keys.digests,
            receipts=keys.node if node_misfit(home) is None else None,
        )
    )


def _mark_of(folder: Path) -> bytes | None:
    try:
        return read_mark(folder).digest
    except OSError:
        return None
