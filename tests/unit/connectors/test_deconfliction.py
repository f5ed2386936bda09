"""What a counterpart's service answers of a round, when it answers nonsense."""

import pytest

from fanal.connectors.deconfliction import _told
from fanal.connectors.outside import OutsideRefused

ROUND = b'"round":"00000000-0000-7000-8000-000000000000","state":"OPEN"'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b"{" + ROUND + b',"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"],
    ids=range(4),
)
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(OutsideRefused, match="PROTOCOL"):
        _told(body)


def test_a_state_is_read_beside_what_is_new() -> None:
    assert _told(b"{" + ROUND + b',"new":[1]}').state == "OPEN"
