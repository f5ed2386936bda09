"""`fanal rules`: priority rule sets: listed, drafted from a file, run dry on past reports, put in force."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.postgres import DatabaseRole

_SHOWN = 20
_WHY = {
    "VERSION_EXISTS": "a rule set of that version is stored already",
    "NOT_FOUND": "no such rule set",
    "NOT_A_CANDIDATE": "it is in force or closed",
    "NOT_RUN_DRY": "run it dry first",
    "SAME_PERSON": "another supervisor than its author puts it in force",
    "NOT_YET": "its first day is still to come",
    "STALE": "the rules in force changed since its dry run: run it dry again",
    "TOO_MANY": "at most 20 000 reports at a time",
}


@click.group()
def rules() -> None:
    """Priority rule sets: draft, dry run on past reports, activation by a second person."""


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List every rule set with its state, newest first."""
    from fanal.analyse import operations, queries

    operations.load_shipped(actor=system_actor("fanal rules"), now=clock.now())
    for stored in queries.list_rulesets():
        line = {
            "id": str(stored.id),
            "version": stored.version,
            "state": stored.state,
            "drafted_at": stored.drafted_at.isoformat(),
            "activated_at": _moment(stored.activated_at),
            "source": stored.source,
        }
        click.echo(
            json.dumps(line)
            if as_json
            else f"{line['id']}  {stored.state:8}{stored.version}  {stored.source}"
        )


@rules.command("draft")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "login", required=True, help="Login of the supervisor who drafts.")
@with_django(DatabaseRole.WORKER)
def draft(file: Path, login: str) -> None:
    """Store the rule set of FILE (TOML) as a draft and print its id."""
    from fanal.analyse import operations
    from fanal.analyse.domain.rules import RulesRefused

    try:
        made = operations.draft_ruleset(
            actor=_supervisor(login), body=file.read_text("utf-8"), now=clock.now()
        )
    except (RulesRefused, UnicodeDecodeError) as refused:
        _refuse(str(refused))
    except operations.RuleSetRefused as refused:
        _refuse(_WHY[refused.code])
    click.echo(str(made))


@rules.command("dry-run")
@click.argument("ruleset", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who tries it.")
@click.option("--reports", type=click.IntRange(1, 20_000), default=2000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.WORKER)
def dry_run(ruleset: UUID, login: str, reports: int, as_json: bool) -> None:
    """Compare RULESET with the rules in force on the newest reports: who rises, who falls, and why."""
    import msgspec

    from fanal import reference
    from fanal.analyse import operations
    from fanal.pipeline import try_rules

    try:
        got = try_rules(
            actor=_supervisor(login), ruleset_id=ruleset, limit=reports, now=clock.now()
        )
    except operations.RuleSetRefused as refused:
        _refuse(_WHY[refused.code])
    if as_json:
        click.echo(msgspec.json.encode(got).decode())
        return
    click.echo(
        f"{got.candidate} against {got.current} on {got.reports} reports: {got.risen} rise,"
        f" {got.fallen} fall, {got.level_changes} change level."
    )
    render = reference.load().words.render
    for change in got.changes[:_SHOWN]:
        why = "; ".join(render(b.code, b.parameters, "en") for b in change.because)
        click.echo(f"  {change.report_id}  {change.before} -> {change.after}  {why}")


@rules.command("activate")
@click.argument("ruleset", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who activates.")
@with_django(DatabaseRole.WORKER)
def activate(ruleset: UUID, login: str) -> None:
    """Put RULESET in force; its author cannot. `fanal replay prioritise` ranks the past anew."""
    from fanal.analyse import operations

    try:
        operations.activate_ruleset(actor=_supervisor(login), ruleset_id=ruleset, now=clock.now())
    except operations.RuleSetRefused as refused:
        _refuse(_WHY[refused.code])
    click.echo("In force from now on.")


def _supervisor(login: str) -> Actor:
    """Return the person `login` with the roles held now; the policy decides what they may."""
    from fanal.accounts import queries, rows
    from fanal.accounts.domain.policy import may

    user = queries.find_user(username=login)
    actor = queries.actor_for(user=user, now=clock.now(), motive="fanal rules") if user else None
    if actor is None or not may(actor, "rules.draft"):
        _refuse(f"{login} is nobody who may make rules")
    rows.show_to(actor)
    return actor


def _moment(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _refuse(sentence: str) -> NoReturn:
    click.echo(f"fanal: {sentence}", err=True)
    sys.exit(2)
