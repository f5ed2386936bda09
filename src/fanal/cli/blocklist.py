"""`fanal blocklist`: publishes and verifies versions of the list of names that access providers block.

Its commands: publish, verify, status, probe (checks of a provider's servers), page (the page shown instead).
`out` is the folder of the published list, by default the one in the data folder; `code` is the one-time code
of the person (`as_user`) who acts.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fanal.cli.actors import code_option, exporter_option, proven
from fanal.cli.blocklist_gate import state_words, tell_waits, told_state
from fanal.cli.boot import find_home, with_django
from fanal.cli.failures import CommandRefused, Failed, tell
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from fanal.measures.blocking.blocklist import BlockList
    from fanal.measures.blocking.publication.gate import Gate
    from fanal.measures.blocking.publication.publish import Publication

_FOLDER = "blocklist"
_MAIL = re.compile(r"[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{3,190}")
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]{1,200}(?:/[A-Za-z0-9/._-]{0,200})?")
_TICK = 0.5
"""Seconds between two looks of `publish --follow`."""
_RETRY = timedelta(seconds=5)
"""Time after which a name server that failed is tried again."""
_WHOLE = 100_000
"""Names up to which the content of a copy is read and compared at each renewal."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
folder_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The published folder (default: blocklist/ in the data folder).",
)


def _written(
    form: re.Pattern[str],
) -> Callable[[click.Context, click.Parameter, str], str]:
    """Return a click callback that refuses a value which does not match `form`; "" is always accepted."""

    def check(context: click.Context, parameter: click.Parameter, value: str) -> str:
        if value and not form.fullmatch(value):
            raise click.BadParameter(value, context, parameter)
        return value

    return check


@click.group()
def blocklist() -> None:
    """Publish and verify the list of blocked names for access providers; check what each provider serves."""


@blocklist.command()
@folder_option
@click.option(
    "--follow", is_flag=True, help="Keep running: publish at each change and before each expiry."
)
@json_option
@exporter_option
@code_option
@with_django(DatabaseRole.WORKER)
def publish(
    out: Path | None, follow: bool, as_json: bool, as_user: str | None, code: str | None
) -> None:
    """Publish the names blocked now as a numbered, signed version, and update the providers' name servers.

    Names lifted since are removed at once. New names need --as USER or a standing instruction BLOCKLIST; a
    large change (over 20 names and over 5 %) needs an instruction that names its digest.
    """
    from fanal.accounts.queries.people import has_demo_mark

    home = find_home()
    by_person = as_user is not None or has_demo_mark()
    actor = system_actor("fanal blocklist publish")
    if as_user is not None:
        actor = proven(as_user, code=code, motive="fanal blocklist publish", action="export.write")
    publisher = _Publisher(actor, out or home / _FOLDER, by_person=by_person, as_json=as_json)
    if not follow:
        if not publisher.publish_once():
            sys.exit(1)
        return
    publisher.follow()


@blocklist.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, help="Public key, NAME+HASH+BASE64; default: our own."
)
@click.option("--after", multiple=True, type=int, help="Serial that was loaded before.")
@json_option
def verify(
    folder: Path | None, keys: tuple[str, ...], after: tuple[int, ...], as_json: bool
) -> None:
    """Verify the newest version of the blocking list in FOLDER: signatures, digests, expiry, equal content.

    Its manifests hold what is compared. Needs no database. With --after, an earlier version than that serial
    is refused.
    """
    from fanal.config.keys import load_keys
    from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey
    from fanal.measures.blocking.publication.folder import FolderRefused, verify_folder

    try:
        trusted = [NoteKey.decode(key) for key in keys]
    except CheckpointRefused as error:
        raise CommandRefused("VALUE_REFUSED", detail=error) from None
    home = find_home()
    if not trusted:
        trusted = list(load_keys(home, public_node=True).ledger_known)
    place = folder or home / _FOLDER
    try:
        found = verify_folder(place, keys=trusted, now=clock.now(), loaded=after)
    except FolderRefused as error:
        raise Failed("BLOCKLIST_REFUSED", path=place, detail=error) from None
    line = {**_told(found.block), "delta": found.delta, "files": len(found.files)}
    _print(line, "serial {serial}: {entries} names, valid until {expires_at}", as_json=as_json)


@blocklist.command()
@folder_option
@json_option
@with_django(DatabaseRole.WORKER)
def status(out: Path | None, as_json: bool) -> None:
    """Show the last published version, its age, the names not published yet, and what each provider serves.

    Where witnesses must cosign, it also says which version they cosigned last, and what waits, since when and
    why. Exit status 1 if the version has expired, names wait for a cosignature for longer than ten minutes,
    names are kept off the list since they cover the stop page or the desk, a provider is late, or its
    settings cannot be used.
    """
    from fanal.cli.blocklist_copies import load_copies, served
    from fanal.ledger import signer
    from fanal.measures.blocking.publication.folder import read_latest
    from fanal.measures.blocking.publication.gate import read_state
    from fanal.measures.blocking.publication.publish import changes_waiting
    from fanal.measures.blocking.register import count_own

    home, now = find_home(), clock.now()
    place = out or home / _FOLDER
    block = read_latest(place, keys=signer.current().known_keys)
    if block is None:
        raise Failed("BLOCKLIST_NONE", path=place)
    waiting = changes_waiting(folder=place, now=now)
    expired, gate, own = now >= block.expires_at, read_state(), count_own(now=now)
    line = {
        **_told(block),
        "age": round((now - block.made_at).total_seconds()),
        "expired": expired,
        "waiting": waiting.names,
        "change": waiting.change,
        "large": waiting.large,
        "own": own,
        **told_state(gate, now=now),
    }
    words = (
        "serial {serial}: {entries} names, {age} s old, valid until {expires_at}; {waiting} wait"
    )
    _print(line, words, as_json=as_json)
    if not as_json:
        for told in state_words(gate):
            click.echo(told)
    if own:
        tell("BLOCKLIST_OWN", count=own)
    copies, faults = load_copies(home)
    _tell_faults(faults)
    bad = expired or bool(own) or bool(faults) or gate.is_late(now=now)
    for one in served(copies, block, now=now):
        bad = bad or bool(one["late"])
        state = "late" if one["late"] else "serves"
        _print(one, f"{{isp}} ({{server}}): {state} {{serial}}", as_json=as_json)
    if bad:
        sys.exit(1)


@blocklist.command()
@click.argument("isp")
@json_option
def probe(isp: str, as_json: bool) -> None:
    """Check a provider's name servers: strangers cannot read the list; its resolver blocks a test name.

    Needs no database. Exit status 1 if a check fails.
    """
    from fanal.cli.blocklist_copies import load_copies, probed
    from fanal.config.environment import read_environment

    copies, faults = load_copies(find_home())
    _tell_faults(faults)
    copy = next((one for one in copies if one.isp == isp), None)
    if copy is None and isp in faults:
        sys.exit(1)
    if copy is None:
        raise CommandRefused("BLOCKLIST_NO_ISP", name=isp)
    stop_host = read_environment(os.environ).stop_host
    results = list(probed(copy, stop_host=stop_host))
    if not results:
        raise CommandRefused("BLOCKLIST_NO_PROBE", name=isp)
    for one in results:
        state = "as it must be" if one["ok"] else "WRONG"
        _print(one, f"{{isp}} ({{server}}), {{check}}: {state} ({{said}})", as_json=as_json)
    if not all(one["ok"] for one in results):
        sys.exit(1)


@blocklist.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the site.",
)
@click.option(
    "--contact", required=True, callback=_written(_MAIL), help="Mail address for complaints."
)
@click.option(
    "--report",
    "report_url",
    default="",
    callback=_written(_HTTPS),
    help="https address where content is reported.",
)
@with_django(DatabaseRole.APP)
def page(out: Path, contact: str, report_url: str) -> None:
    """Write the page shown in place of a blocked site, in both languages, into a folder for a web server."""
    from fanal.web.stop.site import make_site

    out.mkdir(parents=True, exist_ok=True)
    for name, content in make_site(contact=contact, report_url=report_url).items():
        (out / name).write_bytes(content)


class _Publisher:
    """Publishes versions of the blocking list into a folder and updates the providers' name servers.

    `actor` publishes; `by_person`: a person, or a demo, so that no standing instruction is needed.
    """

    def __init__(self, actor: Actor, folder: Path, *, by_person: bool, as_json: bool) -> None:
        from fanal.cli.blocklist_copies import CopiesKept
        from fanal.cli.blocklist_gate import GateKept

        self._actor, self._folder = actor, folder
        self._by_person, self._as_json = by_person, as_json
        self._copies, self._gates = CopiesKept(find_home()), GateKept(find_home())
        self._gate: Gate | None = None
        self._again: datetime | None = None
        self._ends = 0.0  # the same by a clock that nobody sets
        self._held = self._waits = ""

    def publish_once(self) -> bool:
        """Publish, and wait for the witnesses if names wait; return whether all is where it must be."""
        whole = self.publish(clock.now())
        if self._gate is None or not self._waits:
            return whole
        self._gate.wait()
        return self.publish(clock.now()) and not self._waits

    def publish(self, now: datetime) -> bool:
        """Publish a version if needed, and print it; return whether every name server has been updated."""
        done, failed, ahead = self._once(now, known=())
        if ahead:  # a name server holds a later list than folder and database know: restored
            done, failed, ahead = self._once(now, known=ahead)
        passed = clock.now()
        self._again = self._next(done, passed, whole=not (failed or ahead))
        self._ends = time.monotonic() + (self._again - passed).total_seconds()
        return not (failed or ahead)

    def is_due(self, now: datetime) -> bool:
        """Return whether to publish without any change; a clock that was set back delays no further try."""
        return self._again is None or now >= self._again or time.monotonic() >= self._ends

    def follow(self) -> None:
        """Publish at each change of the list and before each expiry, without end.

        It tries again after five seconds while a name server fails, or names await permission or cosignature.
        The witnesses are asked in a thread: a change is published at once, whether they answer or not.
        """
        from fanal.measures.blocking.publication.publish import mark_of_changes

        mark = ""
        while True:
            now, found = clock.now(), mark_of_changes()
            answered = self._gate is not None and self._gate.is_answered()
            if found != mark or answered or self.is_due(now):
                mark = found
                self.publish(now)
            time.sleep(_TICK)

    def _once(
        self, now: datetime, known: tuple[int, ...]
    ) -> tuple["Publication", bool, tuple[int, ...]]:
        from fanal.cli.blocklist_copies import SETTINGS, bring_all
        from fanal.measures.blocking.publication.publish import Channels, publish

        copies, faults, unread = self._copies.read()
        if unread:
            tell("BLOCKLIST_SETTINGS", path=find_home() / SETTINGS, detail=unread)
        results: list[dict[str, object]] = [
            {"isp": isp, "failed": why} for isp, why in faults.items()
        ]

        def bring(made: "Publication") -> None:
            same = made.before is not None and made.before.entries == made.block.entries
            whole = same and len(made.block.entries) <= _WHOLE
            results.extend(bring_all(copies, made.block, before=made.before, whole=whole))

        self._gate = self._gates.read()
        done = publish(
            actor=self._actor,
            folder=self._folder,
            by_person=self._by_person,
            channels=Channels(bring=bring, commit=self._commit, gate=self._gate),
            known=known,
            now=now,
        )
        self._tell(done)
        for one in results:
            if "failed" in one:
                tell("BLOCKLIST_SERVER", name=one["isp"], detail=one["failed"])
            elif one.get("messages"):
                words = "{isp}: {added} records added, {removed} removed"
                _print(one, words, as_json=self._as_json)
        failed = bool(unread) or any("failed" in one for one in results)
        return done, failed, tuple(int(str(one["ahead"])) for one in results if "ahead" in one)

    @staticmethod
    def _commit(serial: int) -> bytes | None:
        """Bring the transparency log up to date; return what opens the commitment, None if it fails."""
        from django.db import DatabaseError, InterfaceError

        from fanal.cli.transparency import log_keys
        from fanal.config.keys import KeysMissing
        from fanal.config.transparency import FOLDER
        from fanal.measures.transparency.log import bring_up_to_date, opening_of_list
        from fanal.measures.transparency.tiles import LogRefused

        home = find_home()
        try:
            bring_up_to_date(home / FOLDER, keys=log_keys(home))
            return msgspec.json.encode(opening_of_list(serial)) + b"\n"
        except (KeysMissing, LogRefused, DatabaseError, InterfaceError, OSError) as error:
            tell("LOG_REFUSED", path=home / FOLDER, detail=str(error).strip())
            return None

    def _tell(self, done: "Publication") -> None:
        """Print a new version, and once for each change the number of names that await permission."""
        line = {
            **_told(done.block),
            "published": done.new,
            "held": done.held,
            "change": done.change,
            "large": done.large,
            "waits": done.waits,
        }
        if done.new or self._again is None:
            words = "serial {serial}: {entries} names, valid until {expires_at}"
            _print(line, words, as_json=self._as_json)
        if done.change and done.change != self._held:
            code = "BLOCKLIST_LARGE" if done.large else "BLOCKLIST_HELD"
            tell(code, count=done.held, change=done.change)
        self._held = done.change
        waits = f"{done.waits} {done.why}" if done.waits else ""
        if waits != self._waits and done.why is not None and done.why.code != "ASKED":
            tell_waits(done.waits, done.why)
        self._waits = waits

    @staticmethod
    def _next(done: "Publication", now: datetime, *, whole: bool) -> datetime:
        from fanal.measures.blocking.publication.publish import due_again

        due = due_again(done.block)
        settled = whole and not done.held and not done.waits
        return due if settled else min(due, now + _RETRY)


def _tell_faults(faults: Mapping[str, str]) -> None:
    for isp, why in faults.items():
        tell("BLOCKLIST_SERVER", name=isp, detail=why)


def _told(block: "BlockList") -> dict[str, object]:
    from fanal.measures.blocking.blocklist import written_instant

    return {
        "serial": block.serial,
        "made_at": written_instant(block.made_at),
        "expires_at": written_instant(block.expires_at),
        "entries": len(block.entries),
    }


def _print(line: Mapping[str, object], words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(line) if as_json else words.format(**line))
    sys.stdout.flush()
