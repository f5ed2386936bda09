"""Commands and exports that act for a person (`--as`) × walker × cell: what the policy says, as on pages.

A command is called as the function that its options end in, in the world's transaction; booting it and reading
its options have tests of their own (`tests/integration/cli`). Done means that it ended well and printed or
wrote what stands for the cell, or wrote the table named; refused that no table changed but the journal of
reads, and nothing of the cell came out.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.db import transaction

from fanal.accounts import row_scope
from fanal.accounts.domain import policy
from fanal.analyse.priority.domain.rules import write_rules
from fanal.analyse.priority.queries import current_rules
from fanal.cli import (
    blocklist,
    crosscheck,
    exchange,
    export,
    instructions,
    recipients,
    report,
    retention,
    rules,
    signals,
    transparency,
)
from fanal.cli.export import COMMANDS as BLOCKLISTS
from fanal.cli.export_indicators import csv_hashes, misp, stix, vics
from fanal.cli.failures import CommandRefused, Failed
from fanal.cli.main import fanal
from fanal.cli.retriage import facts
from fanal.deconfliction.sharing.operations import withhold
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.holds import place_hold
from fanal.intake.operations.lifecycle import review_report
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.kernel.refusal import Refusal
from tests.integration.cli.factors import SECRET, code
from tests.integration.policy import scenes
from tests.integration.policy.held import Walker, rights
from tests.integration.policy.scenes import REASON, Scene
from tests.integration.policy.walking import CELLS, SEEN, browser_of, undone, written_rows
from tests.integration.policy.world import WALKERS, World

pytestmark = pytest.mark.role("worker")

Options = Mapping[str, object]
MARK = "mark"
"""Among the options: what comes out where the cell's own report does not."""
KEPT = SEEN | {"accounts_counter"}
"""What a refused command may write: the journal of reads, and that a code of the person was used."""
REFUSALS = (CommandRefused, Refusal, policy.Refused, SystemExit)


@dataclass(frozen=True, kw_only=True)
class Called:
    """A command: its function, the action that the policy is asked for, and what a call of it gives.

    `writes` is a table; where it is empty, the cell's report comes out. `everywhere`: it has no object, so
    that whoever holds the action anywhere does it. `cells` are those where there is something to give.
    """

    command: click.Command
    action: str
    options: Callable[[Scene, Path], Options]
    writes: str = ""
    everywhere: bool = False
    cells: tuple[str, ...] = CELLS


def _report(scene: Scene) -> str:
    return str(scene.report_id)


def _comes_out(scene: Scene, told: str, mark: str) -> bool:
    """Return whether the cell's report stands in what a command printed or wrote."""
    return any(
        each in told for each in (f"REF-{scene.cell}", _report(scene), mark or _report(scene))
    )


def _shared(scene: Scene) -> tuple[str]:
    """Share the cell's dossier again, which the world withholds; return the report as a reference."""
    dossier_id = scene.world.dossier_ids.get(scene.cell)
    if dossier_id is not None:
        withhold(
            actor=scene.keeper, dossier_id=dossier_id, counterpart_id=None, withheld=False,
            words=REASON, now=datetime.now(UTC),
        )  # fmt: skip
    return (_report(scene),)


def _references(scene: Scene, out: Path) -> Options:
    return {"references": _shared(scene), "out": out, "code": code()}


def _read(_scene: Scene, _out: Path) -> Options:
    return {"as_json": True, "lang": "en"}


def _opened(scene: Scene, _out: Path) -> Options:
    """Have a measure of the cell that took a step."""
    scenes.submitted(scene)
    measure_id = scene.world.measure_ids[scene.cell]
    return {"measure": measure_id, MARK: str(measure_id)}


def _held(scene: Scene, _out: Path) -> Options:
    place_hold(actor=scene.keeper, report_id=scene.report_id, motive=REASON, now=datetime.now(UTC))
    return {"report_id": scene.report_id, "motive": REASON, "code": code()}


def _in_force(scene: Scene, _out: Path) -> Options:
    """Have a legal hold on the cell's report."""
    place_hold(actor=scene.keeper, report_id=scene.report_id, motive=REASON, now=datetime.now(UTC))
    return {"due": False, MARK: str(scene.report_id)}


def _to_keep(scene: Scene, _out: Path) -> Options:
    now = datetime.now(UTC)
    hold_id = place_hold(actor=scene.keeper, report_id=scene.report_id, motive=REASON, now=now)
    return {
        "report_id": scene.report_id, "hold_id": hold_id, "motive": REASON, "code": code(),
        "review_on": now + timedelta(days=90),
    }  # fmt: skip


def _proposed_end(scene: Scene, _out: Path) -> Options:
    review_id = review_report(
        actor=scene.keeper,
        report_id=scene.report_id,
        end=True,
        motive=REASON,
        now=datetime.now(UTC),
    )
    return {"review_id": review_id, "verdict": "agree", "motive": REASON, "code": code()}


def _due(scene: Scene, _out: Path) -> Options:
    """Have a report of the cell's desk whose last review is long past."""
    submission = Submission(
        arrival=Arrival.FORM,
        format=Format.FORM,
        body=b"{}",
        canonical=b"{}",
        desk_id=scene.desk_id,
    )
    long_ago = datetime.now(UTC) - timedelta(days=9 * 365)
    [made] = receive_reports(actor=public_actor(), submissions=[submission], now=long_ago)
    return {MARK: str(made.report_id)}


def _rule_file(scene: Scene, out: Path) -> Options:
    scenes.rules_typed(scene)
    file = out / "rules.toml"
    made = msgspec.structs.replace(current_rules(), version="priority/by-command")
    file.write_text(write_rules(made), "utf-8")
    return {"file": file, "code": code()}


def _shipped(scene: Scene) -> Options:
    """Have the rules in force of which the facts are told."""
    scenes.rules_typed(scene)
    return {}


def _instruction(_scene: Scene, _out: Path) -> Options:
    return {
        "kind": "FEEDBACK", "code": code(), "grounds": REASON, "basis": "BASIS 4", "names": (),
        "members": (), "last": datetime.now() + timedelta(days=20), "as_json": True,
    }  # fmt: skip


def _addressees(_scene: Scene, out: Path) -> Options:
    file = out / "rules.toml"  # the name of a command's input
    file.write_text("kind,name,source,source_date\nISP,Newcomer,Notice,2026-01-05\n", "utf-8")
    return {"file": file, "code": code()}


def _listed(_scene: Scene, out: Path) -> Options:
    return {
        "references": (),
        "list_name": "known",
        "out": out / "list",
        "tlp": "amber",
        "code": None,
    }


def _indicators(scene: Scene, out: Path) -> Options:
    return {
        "references": _shared(scene), "list_name": None, "out": out, "tlp": "amber", "code": code(),
    }  # fmt: skip


_EXPORT = "export.write"
COMMANDS: dict[str, Called] = {
    "report show": Called(
        command=report.show, action="report.read",
        options=lambda s, _o: {
            "references": (_report(s),), "as_json": True, "lang": "en", "reveal_reporter": False,
            "motive": "", "code": None,
        },
    ),
    "report list": Called(
        command=report.list_, action="report.read",
        options=lambda s, o: {**_read(s, o), "order": "received"},
    ),
    "report list by priority": Called(
        command=report.list_, action="report.list",
        options=lambda s, o: {**_read(s, o), "order": "priority"},
    ),
    "crosscheck links": Called(
        command=crosscheck.links, action="link.read", options=_read, cells=CELLS[:1]
    ),
    "crosscheck dossiers": Called(
        command=crosscheck.dossiers, action="dossier.list", options=_read
    ),
    "export ncmec-xml": Called(
        command=export.ncmec_xml, action=_EXPORT,
        options=lambda s, o: {**_references(s, o), "motive": ""},
    ),
    "export xarf": Called(command=export.xarf, action=_EXPORT, options=_references),
    "export dsa-18": Called(command=export.dsa_18, action=_EXPORT, options=_references),
    "export stix": Called(command=stix, action=_EXPORT, options=_indicators),
    "export misp": Called(command=misp, action=_EXPORT, options=_indicators),
    **{
        f"export {command.name}": Called(
            command=command, action=_EXPORT, writes="measures_blocklist", everywhere=True,
            options=lambda _s, o: {"out": o / "list", "code": code()},
        )
        for command in BLOCKLISTS
    },
    "blocklist publish": Called(
        command=blocklist.publish, action=_EXPORT, writes="measures_blocklist", everywhere=True,
        options=lambda _s, o: {"out": o / "published", "follow": False, "as_json": True, "code": code()},
    ),
    "transparency open": Called(command=transparency.open_, action="measure.read", options=_opened),
    "retention hold": Called(
        command=retention.hold, action="retention.hold", writes="intake_hold",
        options=lambda s, _o: {
            "report_id": s.report_id, "motive": REASON, "code": code(), "review_on": None,
        },
    ),
    "retention holds": Called(command=retention.list_, action="hold.read", options=_in_force),
    "retention keep": Called(
        command=retention.keep, action="retention.hold", writes="intake_hold", options=_to_keep
    ),
    "retention lift": Called(
        command=retention.lift, action="retention.hold", writes="intake_hold", options=_held
    ),
    "retention reviews": Called(command=retention.reviews, action="retention.hold", options=_due),
    "rules facts": Called(
        command=facts,
        action="rules.draft",
        options=lambda s, o: {"out": o / "facts", MARK: "written_at", **_shipped(s)},
        everywhere=True,
    ),
    "retention review": Called(
        command=retention.review, action="retention.hold", writes="intake_review",
        options=lambda s, _o: {
            "report_id": s.report_id, "verdict": "keep", "motive": REASON, "code": code(),
        },
    ),
    "retention second": Called(
        command=retention.second, action="retention.hold", writes="intake_review_second",
        options=_proposed_end,
    ),
    "rules draft": Called(
        command=rules.draft, action="rules.draft", writes="analyse_ruleset", options=_rule_file,
        everywhere=True,
    ),
    "rules dry-run": Called(
        command=rules.dry_run, action="rules.draft", writes="analyse_ruleset", everywhere=True,
        options=lambda s, _o: {
            "ruleset": scenes.drafted(s).address["ruleset_id"], "reports": 5, "as_json": True,
            "code": code(),
        },
    ),
    "rules activate": Called(
        command=rules.activate, action="rules.activate", writes="analyse_ruleset", everywhere=True,
        options=lambda s, _o: {"ruleset": scenes.run_dry(s).address["ruleset_id"], "code": code()},
    ),
    "instructions propose": Called(
        command=instructions.propose, action="instruction.propose", writes="accounts_instruction",
        options=_instruction, everywhere=True,
    ),
    "instructions second": Called(
        command=instructions.second, action="instruction.second", everywhere=True,
        writes="accounts_instruction_second",
        options=lambda s, _o: {
            "instruction": s.world.instruction_id, "code": code(), "as_json": True,
        },
    ),
    "instructions revoke": Called(
        command=instructions.revoke, action="instruction.revoke", everywhere=True,
        writes="accounts_instruction_end",
        options=lambda s, _o: {
            "instruction": s.world.instruction_id, "reason": REASON, "code": code(),
            "as_json": True,
        },
    ),
    "recipients import": Called(
        command=recipients.import_, action="addressee.keep", writes="measures_addressee",
        options=_addressees, everywhere=True,
    ),
    "export com-2022-209": Called(
        command=export.com_2022_209,
        action=_EXPORT,
        options=lambda s, o: {**_references(s, o), "even_if_not_in_force": True},
    ),
    "export vics": Called(
        command=vics,
        action=_EXPORT,
        options=lambda s, o: {
            "references": _shared(s), "list_name": None, "out": o, "version": "2.0",
            "country": "FR", "code": code(),
        },
    ),
    "export csv-hashes": Called(
        command=csv_hashes,
        action="list.keep",
        options=lambda _s, o: {"list_name": "known", "out": o / "list"},
        writes="ledger_entry",
        everywhere=True,
    ),
    "export stix of a list": Called(
        command=stix, action="list.keep", options=_listed, writes="ledger_entry", everywhere=True
    ),
    "export misp of a list": Called(
        command=misp, action="list.keep", options=_listed, writes="ledger_entry", everywhere=True
    ),
}  # fmt: skip


VARIANTS = frozenset({"report list by priority", "export stix of a list", "export misp of a list"})
"""Further cells of a command that has one under its own name."""


def _complaint(called: Called, scene: Scene, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Call one command for the walker; return what is wrong, nothing where the policy is kept."""
    user = scene.world.users[scene.walker]
    options = {**called.options(scene, out)}
    mark = str(options.pop(MARK, ""))
    named = {parameter.name for parameter in called.command.params}
    options["as_user" if "as_user" in named else "login"] = user.get_username()
    TOTP.activate(user, SECRET)
    cache.clear()
    capsys.readouterr()
    before, refused = written_rows(), None
    try:
        inspect.unwrap(called.command.callback)(**options)
    except REFUSALS as error:
        refused = error
    finally:
        row_scope.show_to(system_actor("test"))
    changed = {t for t, count in written_rows().items() if count > before.get(t, 0)}
    files = [file for file in out.rglob("*") if file.is_file() and file.name != "rules.toml"]
    told = capsys.readouterr().out + " ".join(str(file) for file in files)
    held = rights(scene.walker, called.action)
    allowed = bool(held) if called.everywhere else scene.cell in held
    came_out = called.writes in changed if called.writes else _comes_out(scene, told, mark)
    where = f"{scene.walker} on {scene.cell}: {refused!r} {sorted(changed)} {told[:200]}"
    if allowed:
        return "" if refused is None and came_out else f"{where}: not done"
    kept = changed <= KEPT and not _comes_out(scene, told, mark) and not files
    return "" if kept and (refused or not called.writes) else f"{where}: not refused"


def _walk(
    called: Called, world: World, folder: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[str]:
    walkers: list[Walker] = [w for w in WALKERS if w is not Role.PUBLIC]
    scene = Scene(world=world, walker=None, cell="own", browser=browser_of(world, None))
    savepoint = transaction.savepoint()
    for walker in walkers:
        anywhere = rights(walker, called.action)
        for cell in called.cells if anywhere and not called.everywhere else CELLS[:1]:
            out = folder / f"{walker}-{cell}"
            out.mkdir()
            with undone(savepoint):
                each = replace(scene, walker=walker, cell=cell)
                yield _complaint(called, each, out, capsys)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_does_for_a_person_what_the_policy_gives_them(
    name: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [said for said in _walk(COMMANDS[name], world, tmp_path, capsys) if said]
    assert not wrong, "\n".join(wrong)


ASKED = [
    name
    for name, called in COMMANDS.items()
    if name == "instructions revoke"
    or (policy.asks_again(called.action) and name != "retention reviews")
]
"""Commands whose act a page refuses without a fresh second factor; a list is only read.

A page of somebody who has passed theirs revokes an instruction: a shell has passed none.
"""


@pytest.mark.parametrize("name", ASKED)
def test_no_shell_acts_in_somebodys_name_without_their_code(
    name: str, world: World, tmp_path: Path
) -> None:
    called = COMMANDS[name]
    held = ((w, rights(w, called.action)) for w in WALKERS if w is not Role.PUBLIC)
    walker = next(w for w, found in held if found and (called.everywhere or "own" in found))
    scene = Scene(world=world, walker=walker, cell="own", browser=browser_of(world, None))
    user = world.users[walker]
    options = {**called.options(scene, tmp_path), "code": None}
    options.pop(MARK, None)
    named = {parameter.name for parameter in called.command.params}
    options["as_user" if "as_user" in named else "login"] = user.get_username()
    TOTP.activate(user, SECRET)
    before = written_rows()
    try:
        with pytest.raises(CommandRefused, match="FACTOR_NEEDED"):
            inspect.unwrap(called.command.callback)(**options)
    finally:
        row_scope.show_to(system_actor("test"))
    changed = {t for t, count in written_rows().items() if count > before.get(t, 0)}
    assert changed <= KEPT


def _for_a_person(group: click.Group, path: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command, whole = group.get_command(context, name), f"{path} {name}".strip()
        if isinstance(command, click.Group):
            yield from _for_a_person(command, whole)
        elif command and any("--as" in parameter.opts for parameter in command.params):
            yield whole


def test_every_command_that_acts_for_a_person_is_a_cell() -> None:
    assert {*_for_a_person(fanal)} == {*COMMANDS} - VARIANTS | {"lists fetch", "signals train"}


def test_a_source_is_fetched_for_whoever_keeps_lists(world: World) -> None:
    """Its server answers nobody: whoever may has tried it, the others have not."""
    for walker in [w for w in WALKERS if w is not Role.PUBLIC]:
        user = world.users[walker]
        TOTP.activate(user, SECRET)
        cache.clear()
        before, savepoint = written_rows(), transaction.savepoint()
        asked = {"name": "partner", "login": user.get_username()}
        with undone(savepoint), pytest.raises(CommandRefused) as ended:
            inspect.unwrap(exchange.fetch.callback)(**asked, code=None)
        assert ("FACTOR_NEEDED" in str(ended.value)) is bool(rights(walker, "list.keep"))
        with undone(savepoint), pytest.raises(CommandRefused) as ended:
            inspect.unwrap(exchange.fetch.callback)(**asked, code=code())
        tried = isinstance(ended.value, Failed)
        assert tried is bool(rights(walker, "list.keep")), (walker, ended.value)
        changed = {t for t, count in written_rows().items() if count > before.get(t, 0)}
        assert tried or changed <= KEPT


def test_a_text_reader_is_trained_for_whoever_drafts_rules(world: World) -> None:
    """Nobody judged a passage: whoever may is told that there is nothing to learn, the others are refused."""
    for walker in [w for w in WALKERS if w is not Role.PUBLIC]:
        user = world.users[walker]
        TOTP.activate(user, SECRET)
        cache.clear()
        before, savepoint = written_rows(), transaction.savepoint()
        with undone(savepoint), pytest.raises(REFUSALS) as ended:
            inspect.unwrap(signals._train_version)(user.get_username(), code())
        tried = isinstance(ended.value, Refusal) and ended.value.code == "NO_EXAMPLES"
        assert tried is bool(rights(walker, "rules.draft")), (walker, ended.value)
        changed = {t for t, count in written_rows().items() if count > before.get(t, 0)}
        assert changed <= KEPT
