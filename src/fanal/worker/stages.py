"""The stage loop: claim, run, move on. One batch stays in one worker's hands through all its stages.

Each step is one transaction: results and the move to the next stage commit together or not at all. A
batch that fails is halved until the report that fails stands alone; that one is tried again, then
quarantined. A vault that does not answer pauses its stage and blames nobody. A worker
that dies leaves its claims to the lease.
"""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from uuid import UUID, uuid4

from django.db import InterfaceError, OperationalError, transaction

from fanal.intake import operations as intake
from fanal.intake.domain.states import Stage
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.orient import queries as oriented
from fanal.pipeline import STEPS, Batch, PipelineStep
from fanal.vault import queries as vault
from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobMissing

# What a stage does when the vault does not answer: it pauses and goes on with care; no report is blamed.
#
# A disk that is away, a mount that is missing or a key that nobody has put in place is the installation's
# fault: reports go back without counting an attempt. Damaged or missing bytes count as a report's own, and so
# does a key that no machine has: a public node writes whatever name of a key it likes.

TURN = 5.0
"""Seconds after which what comes before a step (files to hash) lets other reports have theirs."""
_BEHIND_OTHERS = timedelta(seconds=1)
_FIRST, _LONGEST = timedelta(seconds=1), timedelta(seconds=5)
_UNBOUNDED = 2**31
_REPORTS_WAIT = 4
"""Times the pause: after it others are tried first, so that one unreadable place stops nobody else."""


def outage_code(failure: Exception) -> str | None:
    """Return the code under which reports wait for this failure to be mended; None: it is their own."""
    if isinstance(failure, KeyMissing):
        return "KEY_MISSING" if vault.lacks_keys() else None
    if isinstance(failure, OSError) and not isinstance(failure, BlobMissing):
        return "VAULT_AWAY"
    return None


class Outage:
    """How long one stage pauses, and how many reports it takes while it does not know more."""

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._pause = _FIRST
        self.size = _UNBOUNDED

    def lasts(self, now: datetime) -> bool:
        """Return whether the stage still pauses at `now`."""
        return self._until is not None and now < self._until

    def begin(self, now: datetime) -> timedelta:
        """Pause from `now`, longer each time; return how long the reports in hand wait."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST)
        self._until, self.size = now + pause, 1
        return pause * _REPORTS_WAIT

    def ease(self) -> None:
        """Go on after a step that went well, with twice as many reports."""
        self._pause, self._until = _FIRST, None
        self.size = min(self.size * 2, _UNBOUNDED)


LEASE = timedelta(seconds=30)
"""Each step renews it: far above what a step takes, short enough for what a dead worker held."""
_SHARED = frozenset({Stage.CROSSCHECK, Stage.ORIENT})
"""Stages that hold a nation-wide lock to their commit: for dossiers, and for what is folded."""
_LONG, _FEWEST = 0.2, 16
_SHARE = 3
"""A step, and the time between two renewals of what waits in hand, take at most this part of a lease."""
Watched = Callable[[UUID, int], AbstractContextManager[None]]
"""Surrounds a step: the token of its claim, and how many reports it has (`worker.watch`)."""
log = logging.getLogger("fanal.worker")


def unwatched(_token: UUID, _reports: int) -> AbstractContextManager[None]:
    """Surround a step with nothing."""
    return nullcontext()


class Portion:
    """How many reports a step takes at once, so that it stays below `long` seconds.

    By default that of a step which holds a lock that people's acts need.
    """

    def __init__(
        self, size: int = 125, *, long: float = _LONG, fewest: int = _FEWEST, most: int = 2**31
    ) -> None:
        self.size = size
        self._long, self._fewest, self._most = long, fewest, most

    def learn(self, seconds: float, *, reports: int) -> None:
        """Take fewer after a step that was long, a few more after a whole portion that was short."""
        if seconds > self._long:
            self.size = max(self._fewest, min(self.size, reports) // 2)
        elif seconds < self._long / 2 and reports >= self.size:
            self.size = min(self.size + max(1, self.size // 4), self._most)


class StageLoop:
    """Runs the stages for one worker. `clock` gives the instant of each claim."""

    def __init__(
        self,
        *,
        actor: Actor,
        clock: Callable[[], datetime],
        size: int = 1000,
        observe: Callable[[Stage, float], None] = lambda _stage, _seconds: None,
        between: Callable[[], bool] = lambda: True,
        watched: Watched = unwatched,
        lease: timedelta = LEASE,
    ) -> None:
        """`between` is called after each step of a batch; when it returns False the batch is given back."""
        self._actor, self._clock, self._size, self._observe = actor, clock, size, observe
        self._between, self._watched = between, watched
        self._held: dict[UUID, list[UUID]] = {}
        self._portion = Portion()
        self._portions = {
            stage: Portion(size, long=lease.total_seconds() / _SHARE, fewest=1, most=size)
            for stage in STEPS
        }
        self._lease, self._renewed_at = lease, perf_counter()
        self._outages = {stage: Outage() for stage in STEPS}

    def run_once(self) -> int:
        """Claim one batch, the stage nearest to a person first, and carry it to the end.

        Returns the number of reports claimed; 0 when nothing waits.
        """
        self._give_back()
        return self._run_urgent() or self._run(urgent=False)

    def _run_urgent(self) -> int:
        """Carry the urgent reports that wait; asked between all steps, so it must cost next to nothing."""
        return self._run(urgent=True) if intake.urgent_waits(actor=self._actor) else 0

    def _run(self, *, urgent: bool) -> int:
        for stage in reversed(list(STEPS)):
            if self._outages[stage].lasts(self._clock()):
                continue
            token = uuid4()
            failpoint("worker.begin")
            claims = intake.claim_batch(
                actor=self._actor,
                stage=stage,
                size=min(self._portions[stage].size, self._outages[stage].size),
                token=token,
                lease=self._lease,
                urgent=urgent,
            )
            if claims:
                failpoint("worker.claimed")
                batch = Batch(
                    actor=self._actor,
                    now=self._clock(),
                    report_ids=[claim.report_id for claim in claims],
                )
                self._held[token] = list(batch.report_ids)
                self._carry(token, stage, batch, urgent=urgent)
                del self._held[token]
                return len(claims)
        return 0

    def _give_back(self) -> None:
        """Give back what was in hand when the database went away: nobody waits for the lease."""
        while self._held:
            token, report_ids = next(iter(self._held.items()))
            intake.put_back(actor=self._actor, token=token, report_ids=report_ids, counted=True)
            del self._held[token]

    def _carry(self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool) -> None:
        current: Stage | None = stage
        while current is not None and batch.report_ids:
            self._put_back_excess(token, current, batch)
            if (
                current in _SHARED
                and len(batch.report_ids) > self._portion.size
                and oriented.anybody_at_work(now=self._clock())
            ):
                self._carry_in_portions(token, current, batch, urgent=urgent)
                return
            if not self._step(token, current, batch, urgent=urgent):
                return
            self._renew_held()
            current = STEPS[current].then
            if current is None or urgent:
                continue
            if not self._between():
                intake.put_back(actor=self._actor, token=token, report_ids=batch.report_ids)
                return
            self._run_urgent()  # whoever is in danger waits for one step, not for a batch

    def _renew_held(self) -> None:
        """Renew the lease of whatever is in hand, also of those that wait while others are carried."""
        now = perf_counter()
        if now - self._renewed_at < self._lease.total_seconds() / _SHARE:
            return
        self._renewed_at = now
        for token, report_ids in self._held.items():
            held = intake.list_held(actor=self._actor, token=token, report_ids=report_ids)
            with suppress(intake.LeaseLost):  # between the two questions
                intake.renew_claims(
                    actor=self._actor, token=token, report_ids=held, lease=self._lease
                )

    def _put_back_excess(self, token: UUID, stage: Stage, batch: Batch) -> None:
        """Keep as many reports as a step of `stage` finishes well before its lease ends."""
        most = self._portions[stage].size
        excess = batch.report_ids[most:]
        if excess:
            intake.put_back(actor=self._actor, token=token, report_ids=excess)
            batch.report_ids = batch.report_ids[:most]

    def _carry_in_portions(self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool) -> None:
        """Carry a few reports at a time to the end: a person's act waits for a portion, not for a batch."""
        left = list(batch.report_ids)
        while left:
            part, left = left[: self._portion.size], left[self._portion.size :]
            self._carry(token, stage, replace(batch, report_ids=part, failed={}), urgent=urgent)
            left = intake.list_held(actor=self._actor, token=token, report_ids=left)
            if left and not self._between():
                intake.put_back(actor=self._actor, token=token, report_ids=left)
                return
            with suppress(
                intake.LeaseLost
            ):  # between the two questions: the next one leaves them out
                intake.renew_claims(
                    actor=self._actor, token=token, report_ids=left, lease=self._lease
                )

    def _step(self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool) -> bool:
        """Run one step; return whether the batch goes on together."""
        step, started, reports = STEPS[stage], perf_counter(), len(batch.report_ids)
        try:
            if step.before and not self._prepare(token, stage, step, batch, urgent=urgent):
                return False
            # What comes before keeps the lease by itself.
            started, reports = perf_counter(), len(batch.report_ids)
            with self._watched(token, len(batch.report_ids)), transaction.atomic():
                step.apply(batch)
                done = [i for i in batch.report_ids if i not in batch.failed]
                intake.advance_claims(
                    actor=self._actor, token=token, report_ids=done, to=step.then, lease=self._lease
                )
                failpoint("worker.stepped")
        except intake.LeaseLost:
            self._portions[stage].learn(perf_counter() - started, reports=reports)
            self._go_on_with_the_rest(token, stage, batch, urgent=urgent)
            return False
        except (OperationalError, InterfaceError):
            raise  # the database is away: nothing was written, the lease brings the reports back
        except Exception as failure:  # noqa: BLE001 - whatever a report does, the queue goes on
            if code := outage_code(failure):
                self._pause(token, stage, batch, failure=failure, code=code)
                return False
            self._isolate(token, stage, batch, failure=failure, urgent=urgent)
            return False
        failpoint("worker.advanced")
        self._outages[stage].ease()
        seconds = perf_counter() - started
        self._observe(stage, seconds)
        self._portions[stage].learn(seconds, reports=reports)
        if stage in _SHARED and reports <= self._portion.size:
            self._portion.learn(seconds, reports=reports)
        self._set_failures_aside(token, batch)
        batch.report_ids = done
        return True

    def _prepare(
        self, token: UUID, stage: Stage, step: PipelineStep, batch: Batch, *, urgent: bool
    ) -> bool:
        """Do what comes before a step; in its pauses keep the lease and the time. False: stopped.

        Reports that wait for nothing go first. One that needs longer than a turn, however many its files,
        comes again behind all others.
        """
        assert step.before is not None  # noqa: S101 - for the type checker: asked by the caller
        if step.waits and not self._let_others_first(
            token, stage, step.waits(batch), batch, urgent=urgent
        ):
            return bool(batch.report_ids)
        pauses, ends, worked = step.before(batch), perf_counter() + TURN, set[UUID]()
        while (part := self._goes_on(pauses, token, batch)) is not None:
            worked |= part
            intake.renew_claims(
                actor=self._actor, token=token, report_ids=batch.report_ids, lease=self._lease
            )
            if not self._between():
                intake.put_back(actor=self._actor, token=token, report_ids=batch.report_ids)
                return False
            if not urgent:
                self._run_urgent()
            if step.waits and perf_counter() > ends:
                return self._put_behind(token, step.waits(batch), batch, worked=worked)
        return True

    def _let_others_first(
        self, token: UUID, stage: Stage, waiting: set[UUID], batch: Batch, *, urgent: bool
    ) -> bool:
        """Carry the reports of a batch that wait for nothing; return whether others are left to prepare."""
        ready = [i for i in batch.report_ids if i not in waiting]
        if not waiting:
            return False
        if ready:
            self._carry(token, stage, replace(batch, report_ids=ready, failed={}), urgent=urgent)
            left = [i for i in batch.report_ids if i in waiting]
            batch.report_ids = intake.list_held(actor=self._actor, token=token, report_ids=left)
        return bool(batch.report_ids)

    def _put_behind(
        self, token: UUID, waiting: set[UUID], batch: Batch, *, worked: set[UUID]
    ) -> bool:
        for report_ids, delay in (
            (waiting & worked, _BEHIND_OTHERS),
            (waiting - worked, timedelta(0)),
        ):
            intake.put_back(
                actor=self._actor, token=token, report_ids=sorted(report_ids), delay=delay
            )
        batch.report_ids = [i for i in batch.report_ids if i not in waiting]
        return bool(batch.report_ids)

    def _goes_on(self, pauses: Iterator[set[UUID]], token: UUID, batch: Batch) -> set[UUID] | None:
        """Work until the next pause; return the reports worked on, None at the end."""
        with self._watched(token, len(batch.report_ids)):
            return next(pauses, None)

    def _go_on_with_the_rest(
        self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool
    ) -> None:
        """Carry on those still held: a report was retracted, or its lease ran out."""
        held = intake.list_held(actor=self._actor, token=token, report_ids=batch.report_ids)
        log.warning("lease lost at %s: %d of %d kept", stage, len(held), len(batch.report_ids))
        if held and len(held) < len(batch.report_ids):
            self._carry(token, stage, replace(batch, report_ids=held, failed={}), urgent=urgent)

    def _pause(
        self, token: UUID, stage: Stage, batch: Batch, *, failure: Exception, code: str
    ) -> None:
        """Give a batch back unharmed: what failed is the vault, and a person has to mend it."""
        delay = self._outages[stage].begin(self._clock())
        number = getattr(failure, "errno", None)
        log.error("%s pauses, %s: %s", stage, code, errno.errorcode.get(number or 0, "no errno"))
        intake.put_back(
            actor=self._actor, token=token, report_ids=batch.report_ids, error=code, delay=delay
        )

    def _isolate(
        self, token: UUID, stage: Stage, batch: Batch, *, failure: Exception, urgent: bool
    ) -> None:
        if len(batch.report_ids) == 1:
            # The class name only: messages quote content.
            log.error("%s failed at %s: %s", batch.report_ids[0], stage, type(failure).__name__)
            intake.fail_claims(
                actor=self._actor,
                token=token,
                report_ids=batch.report_ids,
                error=type(failure).__name__,
            )
            return
        middle = len(batch.report_ids) // 2
        for part in (batch.report_ids[:middle], batch.report_ids[middle:]):
            self._carry(token, stage, replace(batch, report_ids=part, failed={}), urgent=urgent)

    def _set_failures_aside(self, token: UUID, batch: Batch) -> None:
        for report_id, code in batch.failed.items():
            intake.fail_claims(actor=self._actor, token=token, report_ids=[report_id], error=code)
        batch.failed = {}
