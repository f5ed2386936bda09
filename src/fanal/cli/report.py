"""`fanal report`: prints the data of reports from every stage, as text or JSON; records each consultation.

`as_user` is the login of the person who reads, `code` their one-time code.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal.cli.actors import code_option, prove
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, tell
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanal.cli.output import Row
    from fanal.intake.domain.records import ReportFacts

    Page = tuple[Sequence[UUID], Mapping[UUID, ReportFacts] | None]
    """Reports, and their envelopes where they were read already."""

_PAGE = 1000


reading = click.option("--as", "as_user", metavar="USER", help="Login of the person who reads.")
"""The option `--as USER`; required outside a demo database."""


@click.group()
def report() -> None:
    """Print the data of reports, and list reports."""


@report.command("show")
@click.argument("references", metavar="REF...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words.")
@click.option(
    "--reveal-reporter", is_flag=True, help="Open the reporter's identity; recorded in the ledger."
)
@click.option(
    "--motive", default="", metavar="TEXT", help="Purpose of opening the reporter's identity."
)
@reading
@code_option
@with_django(DatabaseRole.APP)
def show(
    references: tuple[str, ...],
    as_json: bool,
    lang: str,
    reveal_reporter: bool,
    motive: str,
    as_user: str | None,
    code: str | None,
) -> None:
    """Print reports by id, a partner's reference (PARTNER:REF), API number or desk number.

    With --reveal-reporter (requires --as, --code and --motive), each report's `reporter` contains the
    reporter's identity; the ledger entry and the notices to other people come first.
    """
    from fanal.cli.actors import consult, reader
    from fanal.cli.output import print_rows
    from fanal.cli.report_view import outline, views
    from fanal.cli.resolve import resolve

    if reveal_reporter and as_user is None:
        raise CommandRefused("REVEALER_NEEDED")
    actor = reader(as_user, motive="fanal report show")
    if reveal_reporter and as_user is not None:
        prove(as_user, code)
    found = [(reference, resolve(actor, reference)) for reference in references]
    missing = [reference for reference, ids in found if not ids]
    ids = [report_id for _, several in found for report_id in several]
    consult(actor, ids, now=clock.now())
    revealed = {i: _reporter(actor, i, motive=motive) for i in ids} if reveal_reporter else {}
    for view in views(actor=actor, report_ids=ids):
        if reveal_reporter:
            view["reporter"] = revealed[UUID(str(view["id"]))]
        print_rows([(view, partial(outline, view, lang=lang))], as_json=as_json)
    for reference in missing:
        tell("NO_REPORT", reference=reference)
    if missing:
        sys.exit(2)


def _reporter(actor: Actor, report_id: UUID, *, motive: str) -> list[dict[str, str]]:
    """Disclose the identity of the person who sent a report; return its facts with their codes.

    Each is `{"fact": code, "value": text}`; empty if the identity has expired. This is the same recorded
    operation as the desk's identity page.

    Raises:
        CommandRefused: REVEAL_REFUSED, without the right.
        Refusal: SHORT, the purpose (`motive`) is too short or too long.
    """
    from fanal.accounts.domain import policy
    from fanal.harmonise.operations.identity import open_identity
    from fanal.vault.operations.opening import ObjectUnknown

    try:
        opened = open_identity(actor=actor, report_id=report_id, motive=motive, now=clock.now())
    except policy.Refused:
        raise CommandRefused("REVEAL_REFUSED") from None
    except ObjectUnknown:
        tell("IDENTITY_EXPIRED", reference=report_id)
        return []
    return [{"fact": code, "value": value} for code, value in opened.facts]


@report.command("list")
@click.option(
    "--order",
    type=click.Choice(["priority", "received"]),
    default="received",
    help="Order of the reports; default: received.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words.")
@reading
@with_django(DatabaseRole.APP)
def list_(order: str, as_json: bool, lang: str, as_user: str | None) -> None:
    """List the received reports, at any stage of processing, without long texts."""
    from fanal.cli.actors import reader
    from fanal.cli.output import print_rows

    actor = reader(as_user, motive="fanal report list")
    pages = _by_priority(actor) if order == "priority" else _as_received(actor)
    print_rows(_rows(actor, pages, lang=lang), as_json=as_json)


def _rows(actor: Actor, pages: Iterable["Page"], *, lang: str) -> Iterator["Row"]:
    """Yield a row to print for each report; record the consultation of a page before its first row.

    A page is (report ids, envelopes or None if not read yet); a row is (data, function that returns the
    text in `lang`).
    """
    from fanal.cli.actors import consult
    from fanal.cli.report_view import outline, views

    for ids, facts in pages:
        consult(actor, ids, now=clock.now())
        for view in views(actor=actor, report_ids=ids, facts=facts, short=True):
            yield view, partial(outline, view, lang=lang)


def _as_received(actor: Actor) -> Iterator["Page"]:
    from fanal.intake.queries.envelopes import list_reports

    after: UUID | None = None
    while page := list_reports(actor=actor, after=after, limit=_PAGE):
        facts = {found.report_id: found for found in page}
        yield list(facts), facts
        after = page[-1].report_id


def _by_priority(actor: Actor) -> Iterator["Page"]:
    """Yield pages of all reports, by descending priority, then in order of receipt.

    Reports without priority come last. A page is (report ids, None: no envelopes read).
    """
    from fanal.analyse import queries as analysed

    ids: list[UUID] = []
    scores: dict[UUID, int] = {}
    for page, _facts in _as_received(actor):
        ids += page
        found = analysed.get_priorities(actor=actor, report_ids=page)
        scores |= {report_id: priority.score for report_id, priority in found.items()}
    ids.sort(key=lambda report_id: (-scores.get(report_id, -1), report_id))
    for start in range(0, len(ids), _PAGE):
        yield ids[start : start + _PAGE], None
