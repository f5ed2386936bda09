"""`fanal rules`: sets of rules that rank reports by priority: draft from a file, dry run, activation.

`login` is that of the acting person, `code` their one-time code (default: asked on the terminal).
"""

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from fanal.cli.actors import code_option, prove, supervisor
from fanal.cli.boot import with_django
from fanal.cli.failures import language, words
from fanal.cli.retriage import facts, read_ruleset, read_text, retriage
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_SHOWN = 20


@click.group()
def rules() -> None:
    """List, draft, dry-run and activate priority rule sets; rank stored reports with other rules."""


@rules.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def list_(as_json: bool) -> None:
    """List the sets of priority rules with their state, newest first."""
    from fanal.analyse.priority.operations import load_shipped
    from fanal.analyse.priority.queries import list_rulesets

    load_shipped(actor=system_actor("fanal rules"), now=clock.now())
    for stored in list_rulesets():
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
@code_option
@with_django(DatabaseRole.WORKER)
def draft(file: Path, login: str, code: str | None) -> None:
    """Store the set of priority rules in FILE (TOML) as a draft and print its id."""
    from fanal.analyse.priority.operations import draft_ruleset

    actor = supervisor(login)
    body = read_text(file)
    read_ruleset(file, body)
    prove(login, code)
    click.echo(str(draft_ruleset(actor=actor, body=body, now=clock.now())))


@rules.command("dry-run")
@click.argument("ruleset", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who runs it.")
@click.option(
    "--reports",
    type=click.IntRange(1, 20_000),
    default=2000,
    show_default=True,
    help="Number of newest reports to compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@code_option
@with_django(DatabaseRole.WORKER)
def dry_run(ruleset: UUID, login: str, reports: int, as_json: bool, code: str | None) -> None:
    """Compare the rule set RULESET with the priority rules in force on the newest reports.

    Prints each change of a score with its reason. A dry run of a shipped rule set counts as its proposal.
    """
    import msgspec

    from fanal import reference
    from fanal.trials import try_rules

    actor = supervisor(login)
    prove(login, code)
    got = try_rules(actor=actor, ruleset_id=ruleset, limit=reports, now=clock.now())
    if as_json:
        click.echo(msgspec.json.encode(got).decode())
        return
    click.echo(
        words(
            "DRY_RUN_OUTCOME",
            candidate=got.candidate,
            current=got.current,
            reports=got.reports,
            risen=got.risen,
            fallen=got.fallen,
            levels=got.level_changes,
        )
    )
    render = reference.load().words.render
    for change in got.changes[:_SHOWN]:
        why = "; ".join(render(b.code, b.parameters, language()) for b in change.because)
        click.echo(f"  {change.report_id}  {change.before} -> {change.after}  {why}")


@rules.command("activate")
@click.argument("ruleset", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who activates.")
@code_option
@with_django(DatabaseRole.WORKER)
def activate(ruleset: UUID, login: str, code: str | None) -> None:
    """Put the priority rule set RULESET in force, as another person than its proposer.

    `fanal replay prioritise` then ranks the stored reports again.
    """
    from fanal.analyse.priority.operations import activate_ruleset

    actor = supervisor(login)
    prove(login, code)
    activate_ruleset(actor=actor, ruleset_id=ruleset, now=clock.now())
    click.echo(words("RULES_IN_FORCE"))


rules.add_command(facts)
rules.add_command(retriage)


def _moment(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
