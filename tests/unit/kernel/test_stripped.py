"""A reason of which nothing is visible is no reason."""

from datetime import date

import pytest

from fanal.accounts.domain.instructions import checked_reason
from fanal.accounts.domain.policy import Reason, Resource, allows
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import plain, stripped
from fanal.orient.domain.deciding import check_decision
from fanal.orient.domain.records import Choice, Track
from fanal.reference import load
from tests.policy_cells import actor_as

UNSEEN = [
    "",
    " \n",
    "\u200b",
    "\u2060\u00ad",
    "\u202e",
    "\0",
    "\ufeff",
    "\u3164",
    "\u2800",
    "\u0301",
    "\ud800",
]
SEEN = [" x ", "?", "\u0647\u200c", "\U0001f44d\ufe0f", "\u7532", "1\u200b"]


@pytest.mark.parametrize("text", UNSEEN)
def test_nothing_visible_is_nothing(text: str) -> None:
    assert not stripped(text)
    with pytest.raises(Refusal, match="REASON"):
        checked_reason(text)
    choice = Choice(tracks=(Track.NONE,), bases=(), reason=text)
    with pytest.raises(Refusal, match="NO_REASON"):
        check_decision(choice, catalogue=load(), on=date(2026, 11, 30))


@pytest.mark.parametrize("text", SEEN)
def test_any_visible_character_is_kept(text: str) -> None:
    assert stripped(text) == text.strip()


def test_a_purpose_that_nobody_sees_opens_nothing() -> None:
    verdict = allows(
        actor_as(Role.SUPERVISOR, motive="\u200b\u2060"),
        "identity.open",
        Resource(desk_id=1, sealed=True),
    )
    assert verdict.reason_code is Reason.MOTIVE_MISSING


@pytest.mark.parametrize(
    "text",
    ["RG 26/01", " RG\u00a026/01\u200b", "ＲＧ\u2003２６/01", "RG \u200b 26\u00ad/01", "RG\n26/01"],
)
def test_a_line_in_its_compatibility_form_has_single_blanks_and_nothing_invisible(
    text: str,
) -> None:
    assert plain(text) == "RG 26/01"
