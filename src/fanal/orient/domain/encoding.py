"""Binary encoding of proposals: a version byte, then MessagePack lists without field names.

The body omits the fields that have columns of their own (report, tracks, rule version). Older rows hold
zlib-compressed JSON of the whole proposal, recognised by its other first byte; both are decoded.
"""

import zlib
from uuid import UUID

import msgspec

from fanal.analyse.domain.records import Because, Parameters
from fanal.orient.domain.records import Basis, Proposal, Reading, Track

_VERSION = b"\x02"
_Body = tuple[
    tuple[tuple[str, str, bool, bool, Reading], ...],
    tuple[tuple[str, Parameters], ...],
    str | None,
    tuple[str, ...],
]
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Body)
_FIRST_DECODER = msgspec.json.Decoder(Proposal)


def pack_proposal(proposal: Proposal) -> bytes:
    """Encode the fields of a proposal that have no column of their own."""
    body: _Body = (
        tuple(
            [(b.code, b.entry_id, b.opens_measures, b.unchecked, b.reading) for b in proposal.bases]
        ),
        tuple([(b.code, b.parameters) for b in proposal.because]),
        proposal.competent,
        proposal.bodies,
    )
    return _VERSION + _ENCODER.encode(body)


def unpack_proposal(
    content: bytes | memoryview, *, report_id: UUID, tracks: list[str], rule_version: str
) -> Proposal:
    """Decode a proposal from its packed body and the columns of its row; inverse of `pack_proposal`.

    Raises:
        zlib.error, msgspec.MsgspecError: the content is damaged.
    """
    stored = bytes(content)
    if stored[:1] != _VERSION:
        return _FIRST_DECODER.decode(zlib.decompress(stored))
    bases, because, competent, bodies = _DECODER.decode(stored[1:])
    return Proposal(
        report_id=report_id,
        tracks=tuple(Track(track) for track in tracks),
        bases=tuple(
            Basis(
                code=code,
                entry_id=entry_id,
                opens_measures=opens,
                unchecked=unchecked,
                reading=reading,
            )
            for code, entry_id, opens, unchecked, reading in bases
        ),
        because=tuple(Because(code=code, parameters=values) for code, values in because),
        competent=competent,
        rule_version=rule_version,
        bodies=bodies,
    )
