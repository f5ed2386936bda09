"""Diagnosis of single sign-on, hashing, alarm calls and the vault, for `fanal doctor`."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

from fanal.analyse.signals.engine import model_folder
from fanal.analyse.signals.reading import NoReader, reader_state
from fanal.cli.boot import held_keys
from fanal.cli.finding import DoctorFinding, fine, note, problem
from fanal.config.environment import read_environment
from fanal.config.installation import KeysElsewhere, VaultElsewhere, check_keys, check_vault
from fanal.config.keys import KeysMissing
from fanal.db.health import CALL_LATE_SECONDS, NEWEST_CALL, UNDELIVERED
from fanal.embedding.child import Ready
from fanal.embedding.engine import EngineMissing, EngineProcess
from fanal.hashing import video
from fanal.hashing.pool import FileToHash, HasherAway, Pool
from fanal.vault.packs import VaultAway, is_empty

# Single sign-on: whether the provider answers, and its metadata.


def look_at_single_sign_on() -> Iterator[DoctorFinding]:
    """Yield the findings on the configured single sign-on provider; nothing if none is configured."""
    from fanal.connectors import openid

    address = read_environment(os.environ).oidc_url
    if not address:
        return
    try:
        provider = openid.discover(address)
        keys = openid.signing_keys(provider)
    except openid.ProviderUnsound as unsound:
        yield problem(f"nobody signs in by single sign-on: {unsound}")
        return
    except OSError as failure:
        yield problem(f"the provider of single sign-on gives no answer: {failure}")
        return
    if not keys:
        yield problem("nobody signs in by single sign-on: the provider names no key that signs")
        return
    yield fine(f"single sign-on by {provider['issuer']}, which signs with {len(keys)} keys")


# The reader of texts: whether engine and model are there and fit.


def look_at_reader() -> Iterator[DoctorFinding]:
    """Yield findings on the text reader: its embedding engine, its model, and the engine's sandbox.

    Without them, reports are read by phrase lists alone.
    """
    state = reader_state()
    try:
        engine = EngineProcess(model_folder())
        engine.stop()
        if not isinstance(state, NoReader) and engine.name == state.engine:
            yield fine(f"texts can be read by their meaning: {_engine_and_model(state.version)}")
            yield from _look_at_sandbox(engine.ready)
            return
        detail = "the engine's weights are not those of the model"
    except EngineMissing as missing:
        detail = str(missing)
    if isinstance(state, NoReader):
        detail = f"no engine: {state.detail}" if state.reason == "ENGINE" else state.detail
    way_out = (
        "run 'make setup'" if (own := model_folder()) is None
        else f"run 'fanal signals train --out {own / 'reader'}' with FANAL_TEXT_MODEL as here"
    )  # fmt: skip
    words = f"texts are read by the phrase lists alone ({detail}): {way_out}"
    yield note(words) if own is None else problem(words)


def _engine_and_model(version: str) -> str:
    own = model_folder()
    return f"engine and shipped model {version}" if own is None else f"{own}, model {version}"


def _look_at_sandbox(ready: Ready) -> Iterator[DoctorFinding]:
    missing = [] if ready.without_network else ["its network is open"]
    missing += [] if ready.filtered else ["its system calls are not filtered"]
    if missing:
        yield note(
            f"texts are read in a process with caps, but {' and '.join(missing)}: this system does not"
            " allow it (docs: Threats)"
        )
    else:
        yield fine("texts are read in a process without network, its system calls filtered")


# Hashing: whether a child process starts, how it is sandboxed, and whether videos are hashed.


def look_at_hashing() -> Iterator[DoctorFinding]:
    """Yield findings about the hashing of uploaded files and its sandbox, after hashing a test file."""
    pool = Pool(size=1)
    try:
        pool.hash_files([FileToHash(size=4, pieces=[b"fine"])])
    except HasherAway as failure:
        yield problem(f"uploaded files get no fingerprints: {failure}")
        return
    finally:
        pool.stop()
    if pool.without_network and pool.filtered:
        yield fine("files are hashed in children without network, their system calls filtered")
    else:
        missing = [] if pool.without_network else ["their network is open"]
        missing += [] if pool.filtered else ["their system calls are not filtered"]
        yield note(
            f"files are hashed in children with caps, but {' and '.join(missing)}: this system does not"
            " allow it (docs: Uploaded files)"
        )
    if pool.videos:
        yield fine("videos are hashed by vPDQ")
    elif video.is_installed() and not pool.closed:
        yield note(
            "videos get exact hashes only: this kernel has no Landlock, without which a child that reads a"
            " hostile video could open the keys of this account (docs: Uploaded files)"
        )
    elif video.is_installed():
        yield note(
            "videos get exact hashes only: the library vpdq is installed and cannot be loaded (was it built"
            " against this machine's FFmpeg?)"
        )
    else:
        yield note("videos get exact hashes only: the library vpdq (with FFmpeg) is not installed")


# Alarm calls for a child in danger, and the process that sends them.

_SILENCE = 30
_ALIVE = """
SELECT (SELECT extract(epoch FROM now() - max(seen_at))::integer FROM orient_caller),
    EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - interval '60 seconds')
"""
_UNREACHING = """
SELECT count(*) FILTER (WHERE NOT reaches), count(*) FILTER (WHERE reaches)
FROM orient_caller WHERE seen_at > now() - make_interval(secs => %s)
"""


def look_at_outbox(
    connection: psycopg.Connection[tuple[object, ...]], *, demo: bool
) -> Iterator[DoctorFinding]:
    """Yield the findings on alarm calls (e-mails about a child in danger) and the processes that send them.

    A problem: calls of unacknowledged alarms undelivered after 30 seconds, given up, or left in the folder
    `FANAL_HOME/mail`; no process reaches a mail server; the server refused duty addresses at the last
    accepted call. A note: some processes reach nobody, others do. `connection` must see the alarms of every
    desk (auditor). In a `demo` no mail is sent: calls left in the folder, or no mail server, are no fault.
    """
    yield from _look_at_refused(connection)
    unreaching, reaching = connection.execute(_UNREACHING, [_SILENCE]).fetchone() or (0, 0)
    if unreaching and not reaching and not demo:
        yield problem(
            "no process that calls for a child in danger reaches anybody (no mail server, or their last"
            " message failed: see their log); 'fanal mail test' tries it"
        )
    elif unreaching and reaching:
        yield note(
            f"processes that call for a child in danger and reach nobody: {unreaching} (no mail server, or"
            f" their last message failed: see their log); {reaching} others call"
        )
    row = connection.execute(UNDELIVERED, {"late": CALL_LATE_SECONDS}).fetchone()
    late, given_up, left, failure = row or (0, 0, 0, None)
    if late:
        why = f" (last failure: {failure})" if failure else ""
        yield problem(f"{late} calls for a child in danger were not delivered yet{why}")
    if given_up:
        yield problem(
            f"{given_up} calls for a child in danger were given up: their alarms wait at the desk"
        )
    if left and not demo:
        yield problem(
            f"{left} calls for a child in danger were left in FANAL_HOME/mail: nobody was called"
        )
    if not (late or given_up or left):
        yield fine("no call for a child in danger waits")


def _look_at_refused(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[DoctorFinding]:
    """Yield a problem if the mail server refused some duty addresses at the last accepted call.

    `connection` must see the alarm calls (e-mails to the people on duty) of every desk.
    """
    row = connection.execute(NEWEST_CALL).fetchone()
    if row == ("PARTLY",):
        yield problem(
            "the mail server refused some of the duty addresses at the last call: those people were not"
            " called ('fanal mail test' tries them)"
        )


def look_at_caller(
    connection: psycopg.Connection[tuple[object, ...]], *, log: Path
) -> DoctorFinding:
    """Return the finding on the process that sends alarm e-mails: alive, or a fault if a worker runs.

    Without a worker a dead process is a note. `connection` reads its heartbeats. The text ends with the last
    line of the process's log (`log`), which says why it ended: such as a password that is refused.
    """
    seen, running = connection.execute(_ALIVE).fetchone() or (None, False)
    if isinstance(seen, int) and seen <= _SILENCE:
        return fine("the process that calls for a child in danger is alive")
    last = f"; it was last seen {seen} s ago" if isinstance(seen, int) else ""
    text = f"nothing calls for a child in danger{last}: 'fanal run' and 'fanal calls' start it"
    with contextlib.suppress(OSError, IndexError):
        text += f". The end of {log}: {log.read_text(errors='replace').splitlines()[-1]}"
    return problem(text) if running else note(text)


# The vault: whether its disk responds, and which reports wait for it.

_HELD_BACK = (
    "SELECT error, count(*) FROM intake_work WHERE quarantined_at IS NULL AND error = ANY(%s)"
    " GROUP BY error ORDER BY error"
)
_REMEDIES = {
    "VAULT_AWAY": "wait because the vault could not be read: see its disk or mount",
    "KEY_MISSING": "wait because an opening key is missing: put it back into keys/ and restart",
}


def look_at_identity(url: str, folder: Path) -> DoctorFinding:
    """Return the finding on whether `folder` is the vault (sealed objects) of the database at `url`."""
    try:
        check_vault(url, folder)
    except VaultElsewhere as elsewhere:
        return problem(str(elsewhere))
    return fine(f"the vault in {folder} is that of this database")


def look_at_fingerprints(url: str, home: Path) -> DoctorFinding:
    """Return the finding on whether this machine holds the keys registered in the database at `url`."""
    public_node = read_environment(os.environ).public_node
    try:
        check_keys(url, held_keys(home), home=home, public_node=public_node)
    except (KeysElsewhere, KeysMissing) as elsewhere:
        return problem(str(elsewhere))
    return fine(f"the keys in {home / 'keys'} are those of this database")


def look_at_vault(
    connection: psycopg.Connection[tuple[object, ...]], folder: Path
) -> Iterator[DoctorFinding]:
    """Yield the faults of the vault's `folder`, and the number of reports that an outage of it delays.

    `connection` reads the sealed objects that the database knows. Without a fault, the finding is FINE.
    """
    count = "SELECT count(*) FROM vault_object WHERE wrapped_key IS NOT NULL AND pack_id IS "
    found: list[DoctorFinding] = []
    for name, rows in (("packs", count + "NOT NULL"), ("files", count + "NULL")):
        (known,) = connection.execute(rows.encode()).fetchone() or (0,)
        if known:
            found += _look_at_part(folder / name, known)
    yield from found
    waiting = connection.execute(_HELD_BACK, [list(_REMEDIES)]).fetchall()
    for code, reports in waiting:
        yield problem(f"{reports} reports {_REMEDIES[str(code)]}; they go on by themselves")
    if not found and not waiting:
        yield fine("the vault answers")


def _look_at_part(folder: Path, known: object) -> Iterator[DoctorFinding]:
    try:
        empty = is_empty(folder)
    except VaultAway as away:
        yield problem(f"{folder} cannot be listed ({os.strerror(away.errno or 0)})")
        return
    if empty:
        yield problem(
            f"{folder} is missing or empty while {known} sealed objects should be there: is the "
            "vault mounted? Else restore it from a backup."
        )
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(f"{folder} cannot be read and written by this account")
