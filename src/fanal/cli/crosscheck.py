"""`fanal crosscheck`: links and dossiers as text or JSON lines, their recomputation, and the linkage model.

A link joins two reports that share evidence; a dossier is a group of linked reports. Further commands train
the linkage model, print it and activate a version. `as_user` is the login of the person who reads, `lang` the
language of words (fr, en).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal import reference
from fanal.cli.boot import find_home, with_django
from fanal.cli.failures import CommandRefused
from fanal.cli.output import Row, print_rows, write_text
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.postgres import DatabaseRole

# Commands for the record linkage model: train a candidate, show it, activate it.

if TYPE_CHECKING:
    from fanal.crosscheck.linkage.model import Model, Worth

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
language = click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", help="Language of words."
)


@click.command("train")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the candidate model.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of the random sample of pairs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@language
@with_django(DatabaseRole.WORKER)
def train(out: Path, seed: int, as_json: bool, lang: str) -> None:
    """Train a candidate linkage model on dossiers and judgements, measure its quality, and write it to OUT.

    Suspects in one dossier count as one person; judgements on suggestions move reports between dossiers. Half
    of the dossiers serves for training, the other half to measure candidate and active model. Nothing else
    changes: print the candidate with `fanal crosscheck model OUT`, activate it with `fanal crosscheck
    activate OUT`, then run `fanal crosscheck rebuild --engine duckdb`.
    """
    from fanal.crosscheck.linkage.model import candidate
    from fanal.crosscheck.linkage.stored import labels_of, stored_persons

    used = model_in_use()
    actor = system_actor("fanal crosscheck train")
    stored = stored_persons(actor)
    labels = labels_of(actor, stored.ids)
    name = f"{clock.now():%Y-%m-%dT%H%M}"
    try:
        found = candidate(stored.persons, labels, seed=seed, shipped=used.model, name=name)
    except ValueError as error:
        raise CommandRefused("NOTHING_TO_LEARN") from error
    found["compared_with"] = used.version
    write_text(out, [json.dumps(found, indent=1) + "\n"])
    _show(_read(out), as_json=as_json, lang=lang)


@click.command("model")
@click.argument("file", type=_file, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@language
def model(file: Path | None, as_json: bool, lang: str) -> None:
    """Print training data and weights of the linkage model in FILE, by default the active one."""
    _show(model_in_use() if file is None else _read(file), as_json=as_json, lang=lang)


@click.command("activate")
@click.argument("file", type=_file, required=False)
@click.option("--shipped", is_flag=True, help="Activate the shipped model.")
@language
def activate(file: Path | None, shipped: bool, lang: str) -> None:
    """Activate the linkage model in FILE, from the next `fanal crosscheck rebuild --engine` on.

    Only a file in the format of this version is accepted, since the engine executes the model's conditions.
    """
    from fanal.crosscheck.linkage import model

    if (file is None) is not shipped:
        raise click.UsageError("FILE or --shipped")
    home = find_home()
    if file is None:
        found = model.use_shipped(home)
    else:
        _read(file)
        found = model.activate(home, file)
    click.echo(reference.render("MODEL_ACTIVATED", {"name": found.version}, lang, kind="cli"))


def model_in_use() -> "Model":
    """Return the active model of record linkage: the one activated here, else the shipped one.

    Raises:
        CommandRefused: MODEL_REFUSED: the activated file is not a valid model for this version.
        OSError: the activated file is unreadable.
    """
    from fanal.crosscheck.linkage import model

    home = find_home()
    try:
        return model.active(home)
    except model.ModelRefused as error:
        raise CommandRefused("MODEL_REFUSED", path=model.place(home), detail=error) from error


def _read(file: Path) -> "Model":
    from fanal.crosscheck.linkage import model

    try:
        return model.read_model(file)
    except model.ModelRefused as error:
        raise CommandRefused("MODEL_REFUSED", path=file, detail=error) from error


def _show(found: "Model", *, as_json: bool, lang: str) -> None:
    from fanal.crosscheck.linkage.engine import agreements

    bits = agreements(found.model)
    if as_json:
        told = {
            "version": found.version,
            "trained_on": found.trained_on,
            "measured": found.measured,
            "compared_with": found.compared_with or None,
            "shipped_measured": found.shipped_measured,
            "bits": bits,
        }
        click.echo(json.dumps(told))
        return
    click.echo(found.version)
    if found.trained_on:
        click.echo("trained on: " + _numbers(found.trained_on))
    click.echo("measured: " + _numbers(found.measured))
    if found.shipped_measured is not None:
        click.echo(f"{found.compared_with or 'shipped'}: " + _numbers(found.shipped_measured))
    for code, worth in sorted(bits.items(), key=lambda item: -item[1]):
        click.echo(f"{worth:+7.2f} bits  {reference.label('link_because', f'LIKE_{code}', lang)}")


def _numbers(numbers: "Worth") -> str:
    return ", ".join(f"{name} {value}" for name, value in numbers.items())


# Links and dossiers.

if TYPE_CHECKING:
    from fanal.crosscheck.domain.records import Link, LinkReason

_PAGE = 2000
reading = click.option("--as", "as_user", metavar="USER", help="Login of the person who reads.")


@click.group()
def crosscheck() -> None:
    """Print and recompute links and dossiers of related reports; train the record linkage model."""


crosscheck.add_command(train)
crosscheck.add_command(model)
crosscheck.add_command(activate)


@crosscheck.command("links")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@language
@reading
@with_django(DatabaseRole.APP)
def links(as_json: bool, lang: str, as_user: str | None) -> None:
    """Print each link between two reports that the person may read, certain or suggested, with its reasons.

    A link is evidence that two reports are about the same person or material.
    """
    from fanal.cli.actors import reader

    actor = reader(as_user, motive="fanal crosscheck links")
    print_rows(_link_rows(actor, lang), as_json=as_json)


def _link_rows(actor: Actor, lang: str) -> Iterator[Row]:
    from fanal.cli.actors import consult

    for page in _links():
        names = _references(actor, page)
        ends = [end for found in page for end in (found.report_id, found.other_id)]
        known = [i for i in dict.fromkeys(ends) if i in names]
        consult(actor, known, now=clock.now())
        for found in page:
            if found.report_id in names and found.other_id in names:
                line = _line(found, names, lang)
                yield line, partial(_told, line)


@crosscheck.command("dossiers")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@language
@reading
@with_django(DatabaseRole.APP)
def dossiers(as_json: bool, lang: str, as_user: str | None) -> None:
    """Print each dossier (group of linked reports) with a report that the person may read.

    A line has the dossier's id, its status, and the references of its reports.
    """
    from fanal.cli.actors import reader

    actor = reader(as_user, motive="fanal crosscheck dossiers")
    print_rows(_dossier_rows(actor, lang), as_json=as_json)


def _dossier_rows(actor: Actor, lang: str) -> Iterator[Row]:
    from fanal.cli.actors import consult
    from fanal.crosscheck.dossiers.queries import walk_dossiers
    from fanal.intake.queries.envelopes import get_reports

    for page in walk_dossiers(actor=actor, at_once=_PAGE):
        ids = [report_id for dossier in page for report_id in dossier.reports]
        consult(actor, ids, now=clock.now())
        facts = get_reports(actor=actor, report_ids=ids)
        for dossier in page:
            names = [facts[i].reference for i in dossier.reports if i in facts]
            line = {"dossier": str(dossier.id), "status": dossier.state.value, "reports": names}
            status = reference.label("dossier_state", dossier.state.value, lang)
            yield line, f"{dossier.id} {status}: {', '.join(filter(None, names))}"


@crosscheck.command("rebuild")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    help="Then search for similar suspects with the trained model.",
)
@click.option("--master", default="local[*]", show_default=True, help="Address of Spark's master.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.WORKER)
def rebuild(engine: str | None, master: str, as_json: bool) -> None:
    """Recompute all links and dossiers from the stored reports and people's judgements.

    Readers see the old state until it is done. Prints the numbers of reports, links and dossiers.
    """
    import msgspec

    from fanal.crosscheck.operations import rebuild as rebuilding
    from fanal.crosscheck.similar.operations.near import renew_near

    # Read first: an invalid model file stops the command before any computation.
    used = model_in_use() if engine else None
    actor = system_actor("fanal crosscheck rebuild")
    done = rebuilding.rebuild(actor=actor, now=clock.now())
    told: dict[str, object] = msgspec.to_builtins(done)
    looked = 0
    while count := renew_near(actor=actor, now=clock.now()):
        looked += count
    told["looked_near"] = looked
    if used and engine:
        from fanal.crosscheck.linkage.stored import find_resemblances

        told["model"] = used.version
        told["resemblances"] = find_resemblances(
            actor, used=used, engine=engine, master=master, now=clock.now()
        )
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(", ".join(f"{name}: {count}" for name, count in told.items()))


def _links() -> Iterator[list["Link"]]:
    from fanal.crosscheck.links.queries import list_links

    # The system lists all links; the reports at their ends decide which of them the actor may see.
    lister = system_actor("fanal crosscheck links")
    after: tuple[UUID, UUID] | None = None
    while page := list_links(actor=lister, after=after, limit=_PAGE):
        yield page
        after = (page[-1].report_id, page[-1].other_id)


def _references(actor: Actor, page: Sequence["Link"]) -> dict[UUID, str]:
    from fanal.intake.queries.envelopes import get_reports

    ids = list({end for found in page for end in (found.report_id, found.other_id)})
    facts = get_reports(actor=actor, report_ids=ids)
    return {i: found.reference or str(i) for i, found in facts.items()}


def _line(found: "Link", names: Mapping[UUID, str], lang: str) -> dict[str, object]:
    """Return a link between two reports as a JSON object, with its reasons in `lang`.

    `names`: references by report id. Keys: `a` and `b` (references), `score`, `certain`, `reasons`.
    """
    from fanal.crosscheck.domain.weights import load_weights

    one, two = sorted((names[found.report_id], names[found.other_id]))
    return {
        "a": one,
        "b": two,
        "score": found.score,
        "certain": found.score >= load_weights().strong,
        "reasons": [_reason(reason, lang) for reason in found.reasons],
    }


def _reason(reason: "LinkReason", lang: str) -> dict[str, object]:
    from fanal.crosscheck.links.domain.reasons import because_of

    return {
        "kind": reason.kind,
        "value": reason.value,
        "weight": reason.weight,
        "because": reference.label("link_because", because_of(reason), lang),
    }


def _told(line: Mapping[str, object]) -> str:
    mark = "=" if line["certain"] else "~"
    return f"{line['a']} {mark} {line['b']} {line['score']}"
