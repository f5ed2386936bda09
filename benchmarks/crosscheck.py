"""`fanal bench crosscheck`: cost of record linkage against peers, and its quality on labelled reports."""

import json

import click

SEED = 20_261_126
_DECADES = (100_000, 1_000_000, 10_000_000)


@click.command("crosscheck")
@click.option(
    "--size",
    type=click.IntRange(min=100),
    default=200_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option(
    "--truth",
    is_flag=True,
    help="Measure the quality of links in labelled data of SIZE reports.",
)
@click.option(
    "--world",
    type=click.Choice(["first", "second"]),
    default="first",
    show_default=True,
    help="Labelled data of --truth: the project's own, or that by other hands.",
)
@click.option(
    "--near",
    is_flag=True,
    help="Measure the quality of similarity suggestions only, in that data.",
)
@click.option("--crowd", is_flag=True, help="Assign SIZE reports to one IP address and one host.")
@click.option(
    "--views",
    type=click.IntRange(min=20),
    default=60,
    show_default=True,
    help="Number of page views with --crowd.",
)
@click.option(
    "--engine",
    type=click.Choice(["spark"]),
    help="Compare the trained model's pairs on this engine with those on DuckDB, for SIZE reports.",
)
@click.option(
    "--only",
    type=click.Choice(["rebuild", "incremental"]),
    help="Measure only the full rebuild, or only one new report.",
)
@click.option(
    "--seed", type=int, default=SEED, show_default=True, help="Seed of the generated data set."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def crosscheck(  # noqa: PLR0913 - its options
    size: int,
    truth: bool,
    world: str,
    near: bool,
    crowd: bool,
    views: int,
    engine: str | None,
    only: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Link SIZE reports, compare with public libraries, then link one new report to growing histories.

    One new report is timed against 100 000, 1 000 000 … up to five SIZE earlier sightings. Of a crowd behind
    one address, no dossier may join strangers and no page may be slow.
    """
    if sum(map(bool, (truth, near, crowd, engine, only))) > 1:
        raise click.UsageError("--truth, --near, --crowd, --engine and --only exclude one another")
    if world != "first" and not truth:
        raise click.UsageError("--world second needs --truth")
    result: dict[str, object] = {"bench": "crosscheck", "size": size, "seed": seed}
    if crowd:
        from benchmarks.crosscheck_crowd import measure_crowd

        result |= measure_crowd(size, views=views, seed=seed)
    elif truth:
        from benchmarks.crosscheck_truth import judge_world

        result |= judge_world(size, seed=seed, second=world == "second")
    else:
        result |= _run(size, "near" if near else engine or only, seed)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        click.echo(f"{name}: {value}")


def _run(size: int, what: str | None, seed: int) -> dict[str, object]:
    """Return the results of the part named `what`; None: a full rebuild, then the cost of one new report.

    `size` is the number of reports, `seed` that of their random values.
    """
    if what == "near":
        from benchmarks.crosscheck_truth import judge_near_alone

        return judge_near_alone(size, seed=seed)
    if what == "spark":
        from benchmarks.crosscheck_engines import compare_engines

        return compare_engines(size, seed=seed)
    result: dict[str, object] = {"mode": what or "cost"}
    if what != "incremental":
        from benchmarks.crosscheck_rebuild import measure_rebuild

        result["rebuild"] = measure_rebuild(size, seed=seed)
    if what != "rebuild":
        from benchmarks.crosscheck_cost import measure_new_reports

        decades = [n for n in _DECADES if n <= 5 * size] or [5 * size]
        result["incremental"] = measure_new_reports(decades, seed=seed)
    return result
