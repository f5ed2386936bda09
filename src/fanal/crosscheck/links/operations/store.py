"""Writes the rows of cross-check: links, counts, comparable data, value states."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts import binary_arrays
from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.cards import KEY, signed
from fanal.crosscheck.domain.records import Link, pack_reasons
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.links.domain.document_frequency import pack_companions
from fanal.crosscheck.links.domain.reasons import ValueState
from fanal.db import sql
from fanal.db.sql import bytes_array, plain_array

_MOST_SMALL = 32_767  # of a smallint
_WRITE_LINKS = (
    "INSERT INTO crosscheck_link"
    " (report_id, other_id, desk_id, other_desk_id, score, rule_version, reasons)"
    " SELECT l.report_id, l.other_id, l.desk_id, l.other_desk_id, l.score, %s,"
    " l.reasons FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::real[],"
    " %s::bytea[]) AS l (report_id, other_id, desk_id, other_desk_id, score, reasons)"
    " ORDER BY l.report_id, l.other_id"
    " ON CONFLICT (report_id, other_id, rule_version)"
    " DO UPDATE SET score = EXCLUDED.score, reasons = EXCLUDED.reasons"
)
_WRITE_KIN = (
    "INSERT INTO crosscheck_kin"
    " (report_id, linked_at, desk_id, links, suspects, files, strongest, rule_version)"
    " SELECT k.report_id, %s, k.desk_id, k.links, k.suspects, k.files, k.strongest, %s"
    " FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[], %s::int[], %s::real[])"
    " AS k (report_id, desk_id, links, suspects, files, strongest)"
    " ON CONFLICT (report_id, rule_version) DO UPDATE SET linked_at = EXCLUDED.linked_at,"
    " links = EXCLUDED.links, suspects = EXCLUDED.suspects, files = EXCLUDED.files,"
    " strongest = EXCLUDED.strongest"
)
_WRITE_CARDS = (
    "INSERT INTO crosscheck_card (report_id, desk_id, version, card)"
    " SELECT c.report_id, c.desk_id, %s::text, c.card"
    " FROM unnest(%s::uuid[], %s::int[], %s::bytea[]) AS c (report_id, desk_id, card)"
    " ORDER BY c.report_id ON CONFLICT (report_id) DO UPDATE"
    " SET version = EXCLUDED.version, card = EXCLUDED.card"
)
_WRITE_STATES = (
    "INSERT INTO crosscheck_value (key, step, hub, companions)"
    " SELECT v.key, v.step, v.hub, v.companions"
    " FROM unnest(%s::bigint[], %s::smallint[], %s::boolean[], %s::bytea[])"
    " AS v (key, step, hub, companions) ORDER BY v.key ON CONFLICT (key) DO UPDATE"
    " SET step = EXCLUDED.step, hub = EXCLUDED.hub, companions = EXCLUDED.companions"
)


def write_links(links: Sequence[Link], desks: Mapping[UUID, int]) -> None:
    """Insert links, or replace those of the same pair and linkage rule; `desks`: the desk of each report."""
    if not links:
        return
    with binary_arrays.bound() as cursor:
        cursor.execute(
            _WRITE_LINKS,
            [
                links[0].rule_version,
                binary_arrays.ids([found.report_id for found in links]),
                binary_arrays.ids([found.other_id for found in links]),
                binary_arrays.integers([desks[found.report_id] for found in links]),
                binary_arrays.integers([desks[found.other_id] for found in links]),
                binary_arrays.reals([found.score for found in links]),
                binary_arrays.octets([pack_reasons(found.reasons) for found in links]),
            ],
        )


def write_kin(
    facts: Sequence[KinFacts], known: tuple[Mapping[UUID, int], str], now: datetime
) -> None:
    """Insert or replace the counts of related reports (`KinFacts`), one row for each report and rule version.

    `known` is (desk by report, version of the linkage rule). A count over 32,767 is stored as 32,767.
    """
    ordered = sorted(facts, key=lambda f: f.report_id)
    with binary_arrays.bound() as cursor:
        cursor.execute(
            _WRITE_KIN,
            [
                now,
                known[1],
                binary_arrays.ids([f.report_id for f in ordered]),
                binary_arrays.integers([known[0][f.report_id] for f in ordered]),
                binary_arrays.integers([min(f.links, _MOST_SMALL) for f in ordered]),
                binary_arrays.integers(
                    [min(f.previously_reported_suspect, _MOST_SMALL) for f in ordered]
                ),
                binary_arrays.integers([min(f.shared_files, _MOST_SMALL) for f in ordered]),
                binary_arrays.reals([f.strongest for f in ordered]),
            ],
        )


def write_cards(cards: Mapping[UUID, bytes], desks: Mapping[UUID, int]) -> None:
    """Insert or replace the comparable data of reports (`pack_card`), under the current linkage rule.

    `desks` holds the desk of each report.
    """
    ids = sorted(cards)
    with binary_arrays.bound() as cursor:
        cursor.execute(
            _WRITE_CARDS,
            [
                load_weights().version,
                binary_arrays.ids(ids),
                binary_arrays.integers([desks[i] for i in ids]),
                binary_arrays.octets([cards[i] for i in ids]),
            ],
        )


def write_states(states: Mapping[int, ValueState]) -> None:
    """Insert or replace the document-frequency states of values, by short key (first eight bytes)."""
    if not states:
        return
    keys = sorted(states)
    sql.run(
        _WRITE_STATES,
        [
            plain_array(str(signed(key)) for key in keys),
            plain_array(str(states[key].step) for key in keys),
            plain_array("t" if states[key].hub else "f" for key in keys),
            bytes_array(pack_companions(states[key].companions) for key in keys),
        ],
    )


def kept_states() -> dict[int, ValueState]:
    """Return the frequency states that erasures left in place (`erasure._forget_states`), by short key of
    the value.
    """
    rows = sql.rows("SELECT key, step, hub FROM crosscheck_value WHERE kept")
    return {key & KEY: ValueState(step, hub) for key, step, hub in rows}
