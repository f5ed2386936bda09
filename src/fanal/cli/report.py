"""`fanal report`: what is known of reports, at any stage, as JSON; each read is journaled."""

import json
import sys
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import Refused, tell
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.postgres import DatabaseRole

_PAGE = 200


reading = click.option("--as", "as_user", metavar="USER", help="In whose name it is read.")
"""`--as USER`; required outside a demo database."""


@click.group()
def report() -> None:
    """Show and list reports."""


@report.command("show")
@click.argument("references", metavar="REF...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words.")
@click.option("--reveal-reporter", is_flag=True, help="Open who reported: a named act.")
@click.option("--motive", default="", metavar="TEXT", help="Why the reporter is revealed.")
@reading
@with_django(DatabaseRole.APP)
def show(
    references: tuple[str, ...],
    as_json: bool,
    lang: str,
    reveal_reporter: bool,
    motive: str,
    as_user: str | None,
) -> None:
    """Show reports by Fanal's id, a partner's reference (PARTNER:REF), a wire or desk number.

    With --reveal-reporter (needs --as and --motive) each report's `reporter` says who reported;
    the act is journaled and told to other people before anything is opened.
    """
    from fanal.cli.readers import consult, reader
    from fanal.cli.report_view import outline, views
    from fanal.cli.resolve import resolve

    if reveal_reporter and as_user is None:
        raise Refused("REVEALER_NEEDED")
    actor = reader(as_user, motive="fanal report show")
    found = [(reference, resolve(actor, reference)) for reference in references]
    missing = [reference for reference, ids in found if not ids]
    ids = [report_id for _, several in found for report_id in several]
    consult(actor, ids, now=clock.now())
    revealed = {i: _reporter(actor, i, motive=motive) for i in ids} if reveal_reporter else {}
    for view in views(actor=actor, report_ids=ids):
        if reveal_reporter:
            view["reporter"] = revealed[UUID(str(view["id"]))]
        click.echo(json.dumps(view, ensure_ascii=False) if as_json else outline(view, lang=lang))
    for reference in missing:
        tell("NO_REPORT", reference=reference)
    if missing:
        sys.exit(2)


def _reporter(actor: Actor, report_id: UUID, *, motive: str) -> list[dict[str, str]]:
    """Open who sent one report, by the operation that the desk's identity page uses."""
    from fanal.accounts.domain import policy
    from fanal.harmonise import operations as harmonise
    from fanal.harmonise.domain.opening import SHORTEST_MOTIVE
    from fanal.vault.operations import ObjectUnknown

    try:
        opened = harmonise.open_identity(
            actor=actor, report_id=report_id, motive=motive, now=clock.now()
        )
    except harmonise.MotiveRefused:
        raise Refused("MOTIVE_SHORT", n=SHORTEST_MOTIVE) from None
    except policy.Refused:
        raise Refused("REVEAL_REFUSED") from None
    except ObjectUnknown:
        tell("IDENTITY_EXPIRED", reference=report_id)
        return []
    return [{"fact": code, "value": value} for code, value in opened.facts]


@report.command("list")
@click.option("--order", type=click.Choice(["priority", "received"]), default="received")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words.")
@reading
@with_django(DatabaseRole.APP)
def list_(order: str, as_json: bool, lang: str, as_user: str | None) -> None:
    """List every acknowledged report at any stage, without the long texts."""
    from fanal.cli.readers import consult, reader
    from fanal.cli.report_view import outline, views

    actor = reader(as_user, motive="fanal report list")
    ids = _all_ids(actor) if order == "received" else _by_priority(actor)
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        consult(actor, page, now=clock.now())
        for view in views(actor=actor, report_ids=page, short=True):
            click.echo(
                json.dumps(view, ensure_ascii=False) if as_json else outline(view, lang=lang)
            )


def _all_ids(actor: Actor) -> list[UUID]:
    from fanal.intake import queries as intake

    ids: list[UUID] = []
    page = intake.list_reports(actor=actor, after=None, limit=5000)
    while page:
        ids += [facts.report_id for facts in page]
        page = intake.list_reports(actor=actor, after=ids[-1], limit=5000)
    return ids


def _by_priority(actor: Actor) -> list[UUID]:
    """Return all reports, highest priority first, then in the order received; without one last."""
    from fanal.analyse import queries as analysed

    ids = _all_ids(actor)
    scores: dict[UUID, int] = {}
    for start in range(0, len(ids), 5000):
        found = analysed.get_priorities(actor=actor, report_ids=ids[start : start + 5000])
        scores |= {report_id: priority.score for report_id, priority in found.items()}
    return sorted(ids, key=lambda report_id: (-scores.get(report_id, -1), report_id))
