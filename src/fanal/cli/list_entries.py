"""`fanal lists` on single entries: votes, and entries suspended by the match-rate circuit breaker."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from fanal import reference
from fanal.analyse.domain.lists import ListsRefused, Vote
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language
from fanal.cli.printing import Row, print_rows
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

ACTOR = system_actor("fanal lists")


@contextmanager
def told_refused() -> Iterator[None]:
    """Turn the refusal of a list, an entry or a vote inside this context into an error message.

    Raises:
        CommandRefused: LISTS_REFUSED, with the reason.
    """
    try:
        yield
    except ListsRefused as refused:
        detail = reference.label("lists_refused", refused.code, language())
        raise CommandRefused("LISTS_REFUSED", detail=detail) from None


@click.command("vote")
@click.argument("item", type=click.UUID)
@click.argument("vote", type=click.Choice(list(Vote)))
@click.argument("reasons", metavar="[REASON]...", nargs=-1)
@with_django(DatabaseRole.WORKER)
def vote(item: UUID, vote: Vote, reasons: tuple[str, ...]) -> None:
    """Vote UP or DOWN on ITEM, for one REASON or several; the last vote counts.

    Reasons are CONFIRMED and SEEN_BY_REVIEWER for it; NOT_ABUSE, WRONG_CLASS, WRONG_HASH, COMMON_IMAGE and
    OTHER against it. TAKEN_BACK, without a reason, takes the vote of this command line back.
    """
    from fanal.analyse import operations

    with told_refused():
        if vote != Vote.TAKEN_BACK:
            first, *others = reasons or [""]
            operations.cast_vote(
                actor=ACTOR,
                item_id=item,
                vote=Vote(vote),
                reason=first,
                others=others,
                now=clock.now(),
            )
        elif reasons:
            raise ListsRefused("VOTE_REASON")
        else:
            operations.take_vote_back(actor=ACTOR, item_id=item, now=clock.now())


@click.command("aside")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def aside(as_json: bool) -> None:
    """Show the entries that are set aside because they suddenly matched too many reports."""
    from fanal.analyse import queries

    names = {found.id: found.name for found in queries.get_lists().values()}

    def rows() -> Iterator[Row]:
        for record in queries.list_asides(ended=False, limit=queries.count_asides()):
            line = {
                "id": str(record.item_id),
                "list": names[record.list_id],
                "since": record.aside.since.isoformat(),
                "matched": record.aside.matched,
                "hours": record.aside.hours,
                "rule": record.aside.rule,
            }
            yield line, "  ".join(map(str, line.values()))

    print_rows(rows(), as_json=as_json)


@click.command("release")
@click.argument("item", type=click.UUID)
@click.option("--reason", required=True, help="Why the entry is right, in your words.")
@click.option("--withdraw", "wrong", is_flag=True, help="It is wrong: withdraw it instead.")
@with_django(DatabaseRole.WORKER)
def release(item: UUID, reason: str, wrong: bool) -> None:
    """Put ITEM, which was set aside, back in force, or withdraw it from its list."""
    from fanal.analyse import operations

    end = operations.withdraw_aside if wrong else operations.release_item
    with told_refused():
        end(actor=ACTOR, item_id=item, reason=reason, now=clock.now())
