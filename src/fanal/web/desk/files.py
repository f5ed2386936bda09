"""Files of a report as cards: facts, fingerprints, what the lists say, whether somebody judged it before.

No byte of a file is ever sent to a browser: the tile is grey, and what is known stands beside it.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from fanal.analyse.domain.records import Because, Finding
from fanal.formats.report.records import File
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.intake import queries as intake
from fanal.intake.domain.records import UploadFacts
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.web.desk.content import selector_link

_SEEN = 50  # reports looked at for one fingerprint; more show as "50+"
_HASHES = ("SHA256", "SHA1", "MD5", "PDQ")

Item = dict[str, object]


def cards_of(record: HarmonisedReport, findings: Sequence[Finding], *, actor: Actor) -> list[Item]:
    """Return the cards of a report's files, in its order."""
    if not record.files:
        return []
    uploads = intake.list_uploads(actor=actor, report_ids=[record.report_id])
    stored = {u.sha256: u for u in uploads.get(record.report_id, []) if u.sha256}
    elsewhere = _elsewhere(record, actor=actor)
    decided = _decided({i for ids in elsewhere.values() for i in ids}, actor=actor)
    return [
        _card(
            file,
            upload=stored.get(file.sha256 or ""),
            verdicts=_verdicts(findings, number),
            others=elsewhere.get(number, frozenset()),
            decided=decided,
        )
        for number, file in enumerate(record.files)
    ]


def _card(
    file: File,
    *,
    upload: UploadFacts | None,
    verdicts: list[Because],
    others: frozenset[UUID],
    decided: frozenset[UUID],
) -> Item:
    kind = file.classification
    hashes = [(name, value) for name in _HASHES if (value := getattr(file, name.lower()))]
    return {
        "name": file.name or _("Unnamed file"),
        "size": upload.size if upload else None,
        "sealed": upload is not None and upload.object_id is not None,
        "class": f"{kind.scheme} {kind.code}" if kind else "",
        "seen_by_provider": file.seen_by_provider,
        "publicly_available": file.publicly_available,
        "hashes": hashes,
        "verdicts": verdicts,
        "listable": bool(hashes),
        "others": len(others),
        "bounded": len(others) >= _SEEN,
        "assessed": len(others & decided),
        "href": selector_link(*hashes[0]) if hashes and others else "",
    }


def _verdicts(findings: Sequence[Finding], number: int) -> list[Because]:
    """Return what the lists say of a file, each list once."""
    place = f"files[{number}]."
    return list(
        {str(f.because): f.because for f in findings if f.source.startswith(place)}.values()
    )


def _elsewhere(record: HarmonisedReport, *, actor: Actor) -> Mapping[int, frozenset[UUID]]:
    """Return the other reports of the desk in which each file was seen, by any exact fingerprint."""
    keys = {
        number: [
            selector_key(SelectorKind(name), value)
            for name in _HASHES
            if (value := getattr(file, name.lower()))
        ]
        for number, file in enumerate(record.files)
    }
    wanted = list({key for found in keys.values() for key in found})
    seen = harmonised.get_sightings(actor=actor, keys=wanted, limit=_SEEN)
    return {
        number: frozenset(s.report_id for key in found if key in seen for s in seen[key].newest)
        - {record.report_id}
        for number, found in keys.items()
    }


def _decided(report_ids: set[UUID], *, actor: Actor) -> frozenset[UUID]:
    cases = oriented.get_cases(actor=actor, report_ids=sorted(report_ids))
    return frozenset(i for i, case in cases.items() if case.decided_at is not None)
