"""`fanal crosscheck`: links and dossiers as JSON lines for other programs, and everything derived anew."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal import reference
from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from fanal.crosscheck.domain.records import Link, Reason

_PAGE = 2000
reading = click.option("--as", "as_user", metavar="USER", help="In whose name it is read.")
language = click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words."
)


@click.group()
def crosscheck() -> None:
    """Read links and dossiers, and derive them anew."""


@crosscheck.command("links")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@language
@reading
@with_django(DatabaseRole.APP)
def links(as_json: bool, lang: str, as_user: str | None) -> None:
    """Print every link between two reports in reach, certain or suggested, with its reasons."""
    from fanal.cli.readers import consult, reader

    actor = reader(as_user, motive="fanal crosscheck links")
    for page in _links():
        names = _references(actor, page)
        ends = [end for found in page for end in (found.report_id, found.other_id)]
        known = [i for i in dict.fromkeys(ends) if i in names]
        consult(actor, known, now=clock.now())
        for found in page:
            if found.report_id in names and found.other_id in names:
                line = _line(found, names, lang)
                click.echo(json.dumps(line, ensure_ascii=False) if as_json else _told(line))


@crosscheck.command("dossiers")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@language
@reading
@with_django(DatabaseRole.APP)
def dossiers(as_json: bool, lang: str, as_user: str | None) -> None:
    """Print every dossier with a report in reach: its status and the references of its reports."""
    from fanal.cli.readers import consult, reader
    from fanal.crosscheck import queries
    from fanal.intake import queries as intake

    actor = reader(as_user, motive="fanal crosscheck dossiers")
    for page in queries.walk_dossiers(actor=actor, at_once=_PAGE):
        ids = [report_id for dossier in page for report_id in dossier.reports]
        consult(actor, ids, now=clock.now())
        facts = intake.get_reports(actor=actor, report_ids=ids)
        for dossier in page:
            names = [facts[i].reference for i in dossier.reports if i in facts]
            line = {"dossier": str(dossier.id), "status": dossier.state.value, "reports": names}
            if as_json:
                click.echo(json.dumps(line, ensure_ascii=False))
            else:
                status = reference.label("dossier_state", dossier.state.value, lang)
                click.echo(f"{dossier.id} {status}: {', '.join(filter(None, names))}")


@crosscheck.command("rebuild")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    help="Then look for people who resemble one another, by the trained model.",
)
@click.option("--master", default="local[*]", show_default=True, help="Address of Spark's master.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.WORKER)
def rebuild(engine: str | None, master: str, as_json: bool) -> None:
    """Derive links, standings and dossiers anew from records and judgements; readers wait for nothing."""
    import msgspec

    from fanal.crosscheck import operations

    actor = system_actor("fanal crosscheck rebuild")
    done = operations.rebuild(actor=actor, now=clock.now())
    told: dict[str, object] = msgspec.to_builtins(done)
    looked = 0
    while count := operations.renew_near(actor=actor, now=clock.now()):
        looked += count
    told["looked_near"] = looked
    if engine:
        from fanal.cli.linkage.stored import find_resemblances

        told["resemblances"] = find_resemblances(actor, engine=engine, master=master)
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(", ".join(f"{name}: {count}" for name, count in told.items()))


@crosscheck.command("train")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", type=int, default=1, show_default=True)
@with_django(DatabaseRole.WORKER)
def train(out: Path, seed: int) -> None:
    """Train the next model on dossiers and answers, measure it on them, and write it to OUT as a candidate.

    People who stand in one dossier are one; answers to suggestions have moved reports in and out of them.
    The candidate says what it and the shipped model are worth on the same dossiers; it changes nothing by
    itself: it is read by people, then shipped.
    """
    from fanal.cli.linkage import model
    from fanal.cli.linkage.stored import labels_of, stored_persons
    from fanal.cli.linkage.training import candidate

    actor = system_actor("fanal crosscheck train")
    stored = stored_persons(actor)
    labels = labels_of(actor, stored.ids)
    try:
        found = candidate(
            stored.persons, labels, seed=seed, shipped=model.load(), name=f"{clock.now():%Y-%m-%d}"
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    click.echo(json.dumps({key: found[key] for key in ("version", "measured", "shipped_measured")}))


def _links() -> Iterator[list["Link"]]:
    from fanal.crosscheck import queries

    # Links are listed for the system; which of them the actor reaches is seen by their reports.
    lister = system_actor("fanal crosscheck links")
    after: tuple[UUID, UUID] | None = None
    while page := queries.list_links(actor=lister, after=after, limit=_PAGE):
        yield page
        after = (page[-1].report_id, page[-1].other_id)


def _references(actor: Actor, page: Sequence["Link"]) -> dict[UUID, str]:
    from fanal.intake import queries as intake

    ids = list({end for found in page for end in (found.report_id, found.other_id)})
    facts = intake.get_reports(actor=actor, report_ids=ids)
    return {i: found.reference or str(i) for i, found in facts.items()}


def _line(found: "Link", names: Mapping[UUID, str], lang: str) -> dict[str, object]:
    """Return a link as other programs read it; its ends in the order of their references."""
    from fanal.crosscheck.domain.weights import load_weights

    one, two = sorted((names[found.report_id], names[found.other_id]))
    return {
        "a": one,
        "b": two,
        "score": found.score,
        "certain": found.score >= load_weights().strong,
        "reasons": [_reason(reason, lang) for reason in found.reasons],
    }


def _reason(reason: "Reason", lang: str) -> dict[str, object]:
    from fanal.crosscheck.domain.because import because_of

    return {
        "kind": reason.kind,
        "value": reason.value,
        "weight": reason.weight,
        "because": reference.label("link_because", because_of(reason), lang),
    }


def _told(line: Mapping[str, object]) -> str:
    mark = "=" if line["certain"] else "~"
    return f"{line['a']} {mark} {line['b']} {line['score']}"
