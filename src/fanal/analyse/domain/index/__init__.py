"""Exact search of 256-bit hashes within a Hamming distance of 0 to 31 bits."""

from fanal.analyse.domain.index.index import HashIndex, Hits
from fanal.analyse.domain.index.segment import (
    Segment,
    SegmentDamaged,
    open_segment,
    write_segment,
)

__all__ = ["HashIndex", "Hits", "Segment", "SegmentDamaged", "open_segment", "write_segment"]
