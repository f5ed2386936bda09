"""Assignment of alarm calls and people to SMTP sessions: decisions only, without input, output or clock.

A call is an e-mail about a child in danger to the people on duty. Each person is claimed by one session at a
time. A session is stalled if the mail server has not replied to it for some seconds: its people are released
for other sessions, and it may still send if it is the first to recover. An IP address of the server, or a
mailbox, that does not respond therefore delays few other people, only once, and by seconds.

Calls that arrive while a person is in a session wait for its end, and are then announced in one message. The
caller (`sending`) reports every event of a session to this module. A session is identified by its `number`, a
person by mail address. Times (`now`) are seconds of one monotonic clock.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from fanal.calls.people import (
    Failure,
    OpenCall,
    Outcome,
    People,
    Person,
    Phase,
    Session,
    Step,
    groups,
)  # fmt: skip
from fanal.calls.places import Places
from fanal.calls.room import PATIENCE_SECONDS, Room
from fanal.orient.domain.clocks import UNCONFIRMED, Delivery
from fanal.orient.domain.records import Call

CALL_SECONDS: Final = 8.0
"""A call that reached nobody within this time counts as failed, so that another process may send it."""
SESSION_SECONDS: Final = 60.0
"""Maximum duration of a session: some mail servers are that slow."""
MOST_CALLS: Final = 2000
"""Maximum number of calls in one message."""
_END_SECONDS, _LONGEST_END_SECONDS = 3.0, 6.0
"""Longest wait for the reply to a complete message: normally, and if recent replies were slow."""
_COPY_SECONDS: Final = 4.0
"""A further session for a person begins this long after one that is stalled because of that person."""
_TURN_SECONDS: Final = 30.0
"""As `_COPY_SECONDS`, for a person silent for longer than `FRESH_SECONDS`; a third of it for a new call."""
_NAMING_SECONDS: Final = 2.5
"""Time for naming recipients. Then the message goes to those accepted; the others get further sessions."""
_KEPT_SECONDS: Final = 3600.0
"""Time for which a call that reached some people is sent again to the others."""
_MOST_COPIES: Final = 2
"""Sessions at short intervals for a new call to one person, while the server confirms no message to them."""
_MOST_TRIES: Final = 2
"""Sessions that begin at short intervals for a person to whose address the server gives no reply."""
_MOST_REFUSALS: Final = 2
_MOST_GROUPS, _MOST_ALONE, _SPARE = 4, 18, 2  # no group of people occupies the spare ones
_MOST_CONNECTING: Final = 8
"""Maximum number of sessions that wait to sign in at one IP address of the server."""
_ACCEPTED, _PERMANENT = 200, 500
_FAILED, _PARTLY = "FAILED", "PARTLY"


class Dispatch:
    """The calls, people and SMTP sessions of one process, and the decision which session sends what.

    `duty` are the mail addresses called where the duty roster names none (FANAL_DUTY). `now` is a time in
    seconds of one monotonic clock, `number` identifies a session. Not thread-safe: the caller holds a lock.
    """

    def __init__(self, duty: Iterable[str]) -> None:
        self._duty = tuple(dict.fromkeys(duty))
        self._people = People({address: Person(address) for address in self._duty})
        self._calls: dict[UUID, OpenCall] = {}
        self._sessions: dict[int, Session] = {}
        self._places, self._number, self._end = Places(), 0, _END_SECONDS
        self._room, self._answered_at = Room(self._places, self._sessions), -math.inf
        self._outcomes = list[Outcome]()

    def set_places(self, order: Sequence[int]) -> None:
        """Set the numbers (`Addresses`) of the mail server's IP addresses to use, preferred ones first."""
        self._places.set(order)

    @property
    def unserved_since(self) -> float:
        """The time since when calls wait while the server accepts no message; infinite if none waits."""
        took = self._places.took_at
        waits = [one for one in self._calls.values() if not one.reached and one.attempt_at > took]
        return min((max(one.added, took) for one in waits), default=math.inf)

    def add(self, call: Call, now: float) -> None:
        """Add a call for all people on duty; one that failed before is sent to those not yet reached."""
        if call.to:
            held = {address for one in self._sessions.values() for address in one.people}
            self._people.keep({*call.to, *held})
        known = self._calls.setdefault(call.id, OpenCall(call, now, now, set()))
        known.call, known.attempt_at, known.told, known.failure = call, now, "", ""
        known.include(call.to or self._duty)
        self._people.give(call.id, known.waiting, now)
        self._settle(known)

    def no_place(self, failure: str) -> None:
        """Let all open calls fail with the code `failure`: no IP address of the mail server was found."""
        for one in [one for one in self._calls.values() if not one.told]:
            one.failure = failure
            self._fail(one)

    def step(self, now: float) -> list[Session]:
        """Detect stalled sessions and failed calls; return the new sessions that the caller must start."""
        for session in list(self._sessions.values()):
            if not session.stalled and now >= session.changed + self._patience(session, now):
                self._stall(session, now)
        for call in [one for one in self._calls.values() if one.is_to_widen(now)]:
            self._people.give(call.call.id, call.include(call.call.then), now)
        begun = self._begin(now)
        self._look_at_calls(now)
        return begun

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of calls (delivered, in part, failed) since the last call of this method."""
        found, self._outcomes = self._outcomes, []
        return found

    def cut(self) -> list[int]:
        """Return the numbers of the sessions whose connections the caller must close."""
        return [one.number for one in self._sessions.values() if one.cut]

    @property
    def in_hand(self) -> set[UUID]:
        """The ids of the calls without an outcome yet."""
        return {id_ for id_, one in self._calls.items() if not one.told}

    def advances(self, number: int, now: float) -> None:
        """Record progress of a session: it has connected, read the greeting, or started TLS."""
        session = self._sessions[number]
        # else `accepted` or `answered` follows, which measures how long that took
        if session.phase is not Phase.SENT and not session.asked:
            session.changed = now

    def signed_in(self, number: int, now: float) -> tuple[list[str], list[Call]]:
        """Record that a session has signed in; return (recipients' addresses, calls to announce).

        Both are empty if other sessions have claimed its people meanwhile: it has nothing to send.
        """
        session = self._sessions[number]
        session.phase, session.changed, session.stalled = Phase.RECIPIENTS, now, False
        self._places.note_signed_in(session.place, session.began, now)
        self._places.note_let_in(sum(not one.cut for one in self._sessions.values()), now)
        mine = [
            self._people[one]
            for one in session.people
            if self._claims(one, session, Step.SIGNING_IN)
        ]
        if not mine:
            self._let_go(session)
            return [], []
        # One message has first or escalated calls: those of which one waits longest.
        pending = {id_: self._calls[id_] for person in mine for id_ in person.pending}
        oldest = min(pending.values(), key=lambda one: one.added)
        kind = [id_ for id_, x in pending.items() if x.call.escalated is oldest.call.escalated]
        of_them = next(x for x in mine if oldest.call.id in x.pending).pending
        session.calls = [id_ for id_ in kind if id_ in of_them][:MOST_CALLS]
        same = [one for one in mine if one.pending.keys() >= set(session.calls)]
        self._let_go(session, but={one.address for one in same})
        return [one.address for one in same], [self._calls[id_].call for id_ in session.calls]

    def asks(self, number: int, person: str, now: float) -> bool:
        """Return whether a session should name a person as a recipient now (`RCPT TO`); if so, record it."""
        session, one = self._sessions[number], self._people[person]
        session.changed = now
        if session.asked_at and now > session.asked_at + _NAMING_SECONDS:
            if one.session == number:
                one.session = 0
                one.set_apart(now)
            return False
        if not self._claims(person, session, Step.SIGNED_IN):
            return False
        session.asked_at = session.asked_at or now
        if one.silent_since is not None:
            one.is_proved |= self._answered_at > one.silent_since
        session.asked = person
        one.named += 1
        return True

    def answered(self, number: int, person: str, code: int, now: float) -> None:
        """Record the mail server's reply to a recipient: `code` is the SMTP reply code to `RCPT TO`."""
        session, one = self._sessions[number], self._people[person]
        took, session.changed, session.asked = now - session.changed, now, ""
        if _ACCEPTED <= code < _ACCEPTED + 100:
            if one.silent_since is not None:
                self._people.try_silent_again(one, self._sessions.values(), now)
            self._answered_at, session.stalled = now, False
            self._places.note_reply(took, now)
            session.taken.append(person)
            return
        if one.session == number:
            one.session = 0
        self._put_off(one, session, now)
        if code >= _PERMANENT:
            session.refused.append(person)
        for call in self._carried(session):
            call.failure = "REFUSED"

    def may_send(self, number: int, now: float) -> bool:
        """Return whether a session may start its message (SMTP `DATA`): no other one sends to its people."""
        session = self._sessions[number]
        session.changed, session.asked, session.stalled = now, "", False
        if session.taken and self._claim_all(session, Step.TAKEN):
            session.phase = Phase.DATA
            return True
        if not session.taken:  # this address of the server refused all
            self._places.note_fault(session.place, now)
        return False

    def taken(self, number: int) -> list[str]:
        """Return the recipients (mail addresses) of a session that the server has accepted."""
        return self._sessions[number].taken

    def sends(self, number: int, now: float) -> bool:
        """Return whether a session may complete its message: the last moment to stop it; record it if so."""
        session = self._sessions[number]
        if not self._claim_all(session, Step.DATA):
            return False
        session.changed, session.stalled, session.phase = now, False, Phase.SENT
        return True

    def accepted(self, number: int, now: float) -> None:
        """Record that the server accepted the complete message of a session, which ends the session."""
        session = self._sessions.pop(number)
        took = 1.5 * (now - session.changed)
        self._end = max(_END_SECONDS, min(_LONGEST_END_SECONDS, took), self._end * 0.8)
        people = [self._people[address] for address in session.taken]
        if any(one.fails_since(self._places.took_at) for one in people):  # an outage has ended
            for person in self._people.values():
                person.next_at = min(person.next_at, now)
        for person in people:
            person.has(session.calls, now)
        self._places.note_taken(session.place, now)
        for call in self._carried(session):
            call.reached.update(session.taken)
            call.waiting.difference_update(session.taken)
        self._lose(session)
        self._let_go(session)

    def ended(self, number: int, now: float) -> None:
        """Record the end of a session without a message or failure; refusals of recipients count."""
        session = self._sessions.pop(number)
        if self._places.is_trusted(session.place, now):
            self._lose(session)
        self._let_go(session)

    def failed(
        self, number: int, failure: str, now: float, *, full: bool = False, replied: bool = False
    ) -> None:
        """Record that a session ended by a failure; `failure` is its code (`sending.code_of`).

        `full`: the server said that too many sessions are open (reply 421); `replied`: it refused temporarily
        (4xx), which may mean the same before a recipient is named.
        """
        session = self._sessions.pop(number)
        people = [
            self._people[one] for one in session.people if self._people[one].session == number
        ]
        self._let_go(session)
        if (full or session.is_early) and not session.cut and (replied or not session.stalled):
            let_in = self._room.open_beside(session, refused=replied)
            if let_in:
                self._places.note_full(session.place, let_in, now)
                self._fail_for(people, failure)
                return
        if session.phase is Phase.CONNECTING:
            if not session.cut:
                self._places.note_not_let_in(session.place, session.began, now)
            self._fail_for(people, failure)
            return
        unconfirmed = session.phase is Phase.SENT and failure == UNCONFIRMED
        if session.is_early:
            self._places.note_early_fault(session.place, session.began, now)  # no person's
        else:
            self._places.note_fault(session.place, now)
            self._blame(session, people, now, unconfirmed=unconfirmed)
        for call in self._carried(session):
            call.failure = failure
            call.unconfirmed = call.unconfirmed or unconfirmed

    def _fail_for(self, people: Sequence[Person], failure: str) -> None:
        """Record the failure of a session that named no recipient, for all calls of the people in it."""
        for id_ in {id_ for person in people for id_ in person.pending}:
            self._calls[id_].failure = failure

    def _patience(self, session: Session, now: float) -> float:
        if session.phase is Phase.CONNECTING:
            return self._places.patience(session.place, now)
        return self._end if session.phase is Phase.SENT else PATIENCE_SECONDS

    def _stall(self, session: Session, now: float) -> None:
        """Mark a session without a recent reply as stalled; release its people for other sessions."""
        session.stalled = True
        if let_in := self._room.let_in_beside(session, self._answered_at):
            self._places.note_full(session.place, let_in, now)  # it may wait for one of them to end
        silent = self._people.get(session.asked)
        self._places.note_fault(session.place, now)
        if silent and silent.silent_since is None:
            silent.silent_since = now
        if not session.is_early:
            people = [self._people[one] for one in session.people]
            others = [one for one in people if one.session == session.number and one is not silent]
            if session.phase >= Phase.DATA:  # `_may_begin` says when a copy goes
                for one in others:
                    one.set_apart(now)
            else:
                self._blame(session, others, now)
        if session.phase is Phase.SENT:
            for call in self._carried(session):
                call.unconfirmed = True
        self._let_go(session)

    def _blame(
        self, session: Session, people: Sequence[Person], now: float, *, unconfirmed: bool = False
    ) -> None:
        """Record a failed session for its people: the cause waits; if unknown, each is tried alone."""
        for person in people:
            if person.address == session.asked or len(session.people) == 1:
                self._put_off(person, session, now, unconfirmed)
            elif not session.asked or session.stalled:
                person.set_apart(now)

    def _put_off(self, person: Person, at: Session, now: float, unconfirmed: bool = False) -> None:
        served_at = min(self._answered_at, self._places.took_at)
        failing = sum(x.fails or x is person for x in self._people.values())
        failure = Failure(at.place, served_at, unconfirmed)
        person.put_off(now, failure, most_fail=failing > len(self._people) // 2)

    def _claims(self, address: str, session: Session, step: Step) -> bool:
        """Claim a person for a session that has come to `step` with them; return whether that is possible.

        It is not if another session has come further with them, or if they have no need of one of its calls.
        Of two sessions that overtake each other at a slow server, the first thus continues.
        """
        person = self._people[address]
        other = self._sessions.get(person.session)
        if other not in (None, session) and other.step_of(address) > step:
            return False
        if not (person.pending.keys() >= set(session.calls) and person.pending):
            return False
        person.session = session.number
        return True

    def _claim_all(self, session: Session, step: Step) -> bool:
        return all(self._claims(one, session, step) for one in session.taken)

    def _let_go(self, session: Session, but: Iterable[str] = ()) -> None:
        for address in session.people:
            if address not in but and self._people[address].session == session.number:
                self._people[address].session = 0

    def _carried(self, session: Session) -> list[OpenCall]:
        return [self._calls[id_] for id_ in session.calls if id_ in self._calls]

    def _lose(self, session: Session) -> None:
        """Count the recipients that the server refused permanently in a session, for each of its calls."""
        for call in self._carried(session):
            call.refusals.update(session.refused)
            self._settle(call)

    # Which sessions begin

    def _begin(self, now: float) -> list[Session]:
        due = [
            one
            for one in self._people.values()
            if not one.session and one.next_at <= now and self._is_wanted(one)
        ]
        silent = [one for one in due if one.silent_since is not None]
        alone = [one for one in due if one.silent_since is None and one.is_alone(now)]
        together = [one for one in due if one.silent_since is None and not one.is_alone(now)]
        first = groups(together, _MOST_GROUPS)
        if self._places.is_slow(now):
            first = groups(together, max(_MOST_GROUPS, self._places.most(now) - _SPARE), 1)
        begun = list[Session]()
        for group in sorted([*first, *groups(alone, _MOST_ALONE, 1)], key=self._turn):
            if not all(self._may_begin(one, now) for one in group):
                continue
            if self._room.has_room(now, new=not any(self._waits_alone(one) for one in group)):
                self._open(group, now, begun)
        for person in sorted(silent, key=lambda one: one.silent_since or 0.0, reverse=True):
            if self._may_begin(person, now) and self._room.has_room(now):
                self._open([person], now, begun)
        return begun

    def _turn(self, group: Sequence[Person]) -> tuple[int, float]:
        """Return the sort key of a group: people rarely named in vain first, then the oldest calls."""
        waits = (self._calls[id_].added for one in group for id_ in one.pending)
        return max(one.named for one in group), min(waits, default=math.inf)

    def _waits_alone(self, person: Person) -> bool:
        """Return whether a stalled session waits for this person and for nobody else."""
        waits = [one for one in self._sessions.values() if one.waits_for(person.address)]
        return any(len(one.people) == 1 for one in waits)

    def _is_wanted(self, person: Person) -> bool:
        """Return whether a person has a call to receive; a failed one counts once it is added again."""
        return any(self._calls[id_].told != _FAILED for id_ in person.pending)

    def _open(self, group: Sequence[Person], now: float, begun: list[Session]) -> None:
        failed = group[0].failed_at(now) if len(group) == 1 else {}
        if (place := self._places.choose(now, failed)) is None:
            return
        waits = sum(one.is_ungreeted and one.place == place for one in self._sessions.values())
        if waits >= _MOST_CONNECTING:
            self._room.close_ungreeted(now)
        self._number += 1
        session = Session(self._number, place, [one.address for one in group], now, now)
        self._sessions[session.number] = session
        for person in group:
            person.session = session.number
            if person.silent_since is not None:
                person.tries += 1
        begun.append(session)

    def _may_begin(self, person: Person, now: float) -> bool:
        """Return whether a further session may begin for a person; stalled sessions may wait for them."""
        waits = [one for one in self._sessions.values() if one.waits_for(person.address)]
        began = waits[-1].began if waits else -math.inf
        new = any(self._calls[id_].added > began for id_ in person.pending)
        other = bool(waits) and self._places.has_other(since=waits[0].began, now=now)
        if waits and waits[-1].phase >= Phase.DATA:
            if other or (new and len(waits) < _MOST_COPIES):
                return True
            copies = _COPY_SECONDS if new else _COPY_SECONDS * 2.0 ** max(0, len(waits) - 2)
            return now >= began + min(copies, _TURN_SECONDS)
        if person.silent_since is None:
            return True
        silent = all(one.silent_since is not None for one in self._people.values())
        served = self._answered_at > person.silent_since
        if not self._room.may_probe(
            person, self._people.silent(), now, all_silent=silent, served=served
        ):
            return False
        few = len(waits) <= 1
        short = person.is_fresh(now) and not person.is_proved
        if short and ((served and few) or (self._people.are_all_silent() and (other or few))):
            return True
        short = person.is_fresh(now) and person.tries < _MOST_TRIES
        wait = _TURN_SECONDS / 3 if new else _TURN_SECONDS
        return now >= began + (_COPY_SECONDS if short else wait)

    # What becomes of calls

    def _look_at_calls(self, now: float) -> None:
        """Report the calls that reached some people or failed, and forget old calls."""
        open_, advancing = set[UUID](), set[UUID]()
        for one in self._sessions.values():
            ids = {id_ for person in one.people for id_ in self._people[person].pending} | {
                *one.calls
            }
            open_ |= ids
            if not one.stalled:
                advancing |= ids
        for call in list(self._calls.values()):
            id_, since = call.call.id, now - call.attempt_at
            if call.told:
                old = _KEPT_SECONDS if call.told == _PARTLY else 2 * SESSION_SECONDS
                if since > old and id_ not in open_:
                    self._forget(call)
            elif call.reached and (since >= CALL_SECONDS or id_ not in advancing):
                self._tell(call)
            elif since >= CALL_SECONDS:
                self._fail(call)

    def _settle(self, call: OpenCall) -> None:
        """Count permanent refusals of recipients once a call has reached anybody; report a completed call."""
        if not call.reached:
            return
        for address in [x for x in call.waiting if call.refusals[x] >= _MOST_REFUSALS]:
            call.lost.add(address)
            call.waiting.discard(address)
            self._people[address].drop(call.call.id)
        if call.told == _FAILED and call.waiting:
            self._tell(call)
        if not call.waiting:
            whole = Delivery.PARTLY if call.lost else Delivery.SENT
            if call.told != _PARTLY:
                self._outcomes.append(Outcome(call=call.call, delivery=whole))
            elif not call.lost:
                self._outcomes.append(Outcome(call=call.call, delivery=whole, later=True))
            self._forget(call)

    def _tell(self, call: OpenCall) -> None:
        call.told = _PARTLY
        self._outcomes.append(Outcome(call=call.call, delivery=Delivery.PARTLY))

    def _fail(self, call: OpenCall) -> None:
        call.told = _FAILED
        failure = UNCONFIRMED if call.unconfirmed else call.failure or "TIMEOUT"
        self._outcomes.append(Outcome(call=call.call, failure=failure))

    def _forget(self, call: OpenCall) -> None:
        self._calls.pop(call.call.id, None)
        for person in self._people.values():
            person.drop(call.call.id)
