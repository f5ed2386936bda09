"""What stands before an act on the text reader: a judged passage, a neutral sentence, a proposed version."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from fanal.analyse.priority.domain.scoring import no_run
from fanal.analyse.signals.domain.examples import Verdict, passages, source_of
from fanal.analyse.signals.operations.examples import check_sentence, judge_passage, rewrite
from fanal.analyse.signals.operations.in_force import version_in_force
from fanal.analyse.signals.operations.readers import keep_trial, propose_version
from fanal.analyse.signals.queries import examples_of
from fanal.db import sql
from fanal.harmonise import queries as harmonised
from tests.integration.analyse.stored_readers import store_version
from tests.integration.policy.scenes import Posted, Scene
from tests.integration.policy.world import SYSTEM


def passage(scene: Scene) -> Posted:
    """Say of a passage of the report that a signal was missed there."""
    record = harmonised.get_records(actor=SYSTEM, report_ids=[scene.report_id])[scene.report_id]
    source = source_of(passages(record)[0])
    return Posted(form={"source": source, "code": "GROOMING_GIFT", "verdict": "MISSED"})


def example(scene: Scene) -> Posted:
    """Have a passage that a colleague judged."""
    form = passage(scene).form
    example_id = judge_passage(
        actor=scene.colleague, report_id=scene.report_id, source=str(form["source"]),
        code=str(form["code"]), verdict=Verdict.MISSED, now=datetime.now(UTC),
    )  # fmt: skip
    return Posted(address={"example_id": example_id})


def example_rewritten(scene: Scene) -> Posted:
    """Have a neutral sentence that a colleague wrote."""
    made = example(scene)
    example_id = UUID(str(made.address["example_id"]))
    rewrite(
        actor=scene.colleague, example_id=example_id, sentence="Neutral.", now=datetime.now(UTC)
    )
    (held,) = examples_of(actor=scene.colleague, report_id=scene.report_id)
    return Posted(form={"object": str(held.rewritten_object)}, address=made.address)


def example_checked(scene: Scene) -> Posted:
    """Have a neutral sentence that a second colleague checked."""
    made = example_rewritten(scene)
    check_sentence(
        actor=scene.keeper, example_id=UUID(str(made.address["example_id"])),
        object_id=UUID(str(made.form["object"])), now=datetime.now(UTC),
    )  # fmt: skip
    return Posted(address=made.address)


def reader_trained() -> UUID:
    """Return a version of the text reader that nobody proposed."""
    found = sql.row("SELECT id FROM analyse_reader WHERE version = 'reader/walked'")
    return UUID(str(found[0])) if found else store_version("reader/walked", weights=b"few")


def reader_proposed(scene: Scene) -> Posted:
    """Have a version that a supervisor proposed and that was run dry."""
    reader_id, now = reader_trained(), datetime.now(UTC)
    propose_version(actor=scene.keeper, reader_id=reader_id, now=now)
    run = no_run(current=version_in_force(), candidate="reader/walked")
    keep_trial(
        reader_id=reader_id, before=None, reached=None, trial=msgspec.json.encode(run), now=now
    )
    return Posted(address={"reader_id": reader_id})
