"""The stage loop: it claims batches of reports, runs the steps of the pipeline, and advances the claims.

A batch stays with one worker through all its stages. Each step is one transaction: results and the move to
the next stage commit together. A failed batch is bisected until the failing report is isolated; that report
is retried, then quarantined. A vault that does not respond pauses its stage without any failed attempt. The
claims of a dead worker return when their lease expires.
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

from fanal.intake.domain.records import Stage
from fanal.intake.operations import queue as intake
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.orient import queries as oriented
from fanal.pipeline import STEPS, Batch, PipelineStep
from fanal.vault import queries as vault
from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobMissing

# A stage whose vault does not respond pauses, then resumes with small batches; no report is at fault.
#
# An unavailable disk, a missing mount or a key that is not yet installed is the installation's fault:
# reports return without a counted attempt. Damaged or missing bytes are the report's fault, and so is
# a key that no machine has, because a public node can write any key name.

TURN = 5.0
"""Seconds after which the preparation of a step (such as hashing files) yields to other reports."""
_BEHIND_OTHERS = timedelta(seconds=1)
_FIRST, _LONGEST = timedelta(seconds=1), timedelta(seconds=5)
_UNBOUNDED = 2**31
_REPORTS_WAIT = 4
"""Reports of a failed batch wait this many times the pause, so that other reports are tried first."""


def outage_code(failure: Exception) -> str | None:
    """Return the code of the vault's outage that caused the failure: KEY_MISSING or VAULT_AWAY.

    The result is None if the failure is no outage.
    """
    if isinstance(failure, KeyMissing):
        return "KEY_MISSING" if vault.lacks_keys() else None
    if isinstance(failure, OSError) and not isinstance(failure, BlobMissing):
        return "VAULT_AWAY"
    return None


class Outage:
    """The pauses of one processing stage while the vault (evidence store) is unavailable.

    The stage loop keeps one for each stage. `size` is the largest batch: one report after a pause, then
    doubled with each success.
    """

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._pause = _FIRST
        self.size = _UNBOUNDED

    def lasts(self, now: datetime) -> bool:
        """Return whether the stage is paused at `now`, since the vault was unavailable."""
        return self._until is not None and now < self._until

    def begin(self, now: datetime) -> timedelta:
        """Pause from `now`, twice as long each time; return the delay for the reports of the failed batch.

        A pause lasts one second at first and five at most; afterwards a single report is tried first.
        """
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST)
        self._until, self.size = now + pause, 1
        return pause * _REPORTS_WAIT

    def ease(self) -> None:
        """End the outage after a successful step: reset the pause and double the batch size."""
        self._pause, self._until = _FIRST, None
        self.size = min(self.size * 2, _UNBOUNDED)


LEASE = timedelta(seconds=30)
"""Lease of a claim, renewed by each step: much longer than a step, short enough after a worker's death."""
_SHARED = frozenset({Stage.CROSSCHECK, Stage.ORIENT})
"""Stages that hold a global lock until they commit: for dossiers, and for groups of duplicates."""
_LONG, _FEWEST = 0.2, 16
_SHARE = 3
"""Divisor of the lease: the limit of a step, and the interval between two renewals, is a third of it."""
Watched = Callable[[UUID, int], AbstractContextManager[None]]
"""A context manager around a step, from the token of its claim and its number of reports (`worker.watch`)."""
log = logging.getLogger("fanal.worker")


def unwatched(_token: UUID, _reports: int) -> AbstractContextManager[None]:
    """Return a context manager without effect, for a worker that no watch kills (`worker.watch`)."""
    return nullcontext()


class Portion:
    """An adaptive batch size (`size`, in reports): a step shall take less than `long` seconds.

    It stays between `fewest` and `most` reports. The defaults fit a step with a lock that people's actions
    also need.
    """

    def __init__(
        self, size: int = 125, *, long: float = _LONG, fewest: int = _FEWEST, most: int = 2**31
    ) -> None:
        self.size = size
        self._long, self._fewest, self._most = long, fewest, most

    def learn(self, seconds: float, *, reports: int) -> None:
        """Adapt the batch size to a step that took `seconds` for this number of reports.

        Over `long` seconds it shrinks; after a fast step of full size it grows.
        """
        if seconds > self._long:
            self.size = max(self._fewest, min(self.size, reports) // 2)
        elif seconds < self._long / 2 and reports >= self.size:
            self.size = min(self.size + max(1, self.size // 4), self._most)


class StageLoop:
    """The stage loop of one worker.

    It claims batches of reports and carries each through the stages. In all methods `token` is the fencing
    token of a batch's claim, `urgent` marks a batch of urgent reports.
    """

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
        """Prepare the loop; it claims no report yet.

        Args:
            actor: the worker's system actor.
            clock: gives the time of each claim.
            size: the most reports of a claim.
            observe: receives stage and seconds of each step.
            between: called after each step but the last of a batch that is not urgent, between portions of a
                batch, and at pauses of a preparation; if it returns False, the batch goes back to the queue.
            watched: surrounds each step (`Watch.step`).
            lease: length of a claim.
        """
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
        """Claim one batch, from the latest stage with work, and carry it through all remaining stages.

        Returns the number of reports claimed, 0 if none waits. Urgent reports come first.
        """
        self._give_back()
        return self._run_urgent() or self._run(urgent=False)

    def _run_urgent(self) -> int:
        """Process a batch of the waiting urgent reports; return how many were claimed, 0 if none waits.

        Called between all steps of other batches, so that the check must be cheap.
        """
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
                    tried=frozenset(c.report_id for c in claims if c.attempts > 1),
                )
                self._held[token] = list(batch.report_ids)
                self._carry(token, stage, batch, urgent=urgent)
                del self._held[token]
                return len(claims)
        return 0

    def _give_back(self) -> None:
        """Requeue the reports leased to this worker when the database failed, before the lease expires."""
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
            self._run_urgent()  # an urgent report waits for one step, not for a batch

    def _renew_held(self) -> None:
        """Renew, when due, the leases of all reports in work here, interrupted batches included."""
        now = perf_counter()
        if now - self._renewed_at < self._lease.total_seconds() / _SHARE:
            return
        self._renewed_at = now
        for token, report_ids in self._held.items():
            held = intake.list_held(actor=self._actor, token=token, report_ids=report_ids)
            with suppress(intake.LeaseLost):  # lost between the two queries
                intake.renew_claims(
                    actor=self._actor, token=token, report_ids=held, lease=self._lease
                )

    def _put_back_excess(self, token: UUID, stage: Stage, batch: Batch) -> None:
        """Requeue the reports beyond the number that a step of `stage` can finish well within the lease.

        `token`: that of the batch's claim, as in the other methods.
        """
        most = self._portions[stage].size
        excess = batch.report_ids[most:]
        if excess:
            intake.put_back(actor=self._actor, token=token, report_ids=excess)
            batch.report_ids = batch.report_ids[:most]

    def _carry_in_portions(self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool) -> None:
        """Carry a batch to the last stage, a few reports at a time: people's actions wait for one portion.

        `token` is that of the batch's claim, `stage` its next stage, `urgent` whether it holds urgent
        reports.
        """
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
            ):  # lost between the two queries: the next one omits them
                intake.renew_claims(
                    actor=self._actor, token=token, report_ids=left, lease=self._lease
                )

    def _step(self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool) -> bool:
        """Run one step (`stage`) of a batch; return whether the batch continues to the next stage.

        `token` is that of the batch's claim, `urgent` whether it holds urgent reports. Failed reports have
        then been removed from it. False: the batch was requeued, carried in portions, or bisected to isolate
        a failing report.
        """
        step, started, reports = STEPS[stage], perf_counter(), len(batch.report_ids)
        try:
            if step.before and not self._prepare(token, stage, step, batch, urgent=urgent):
                return False
            # The preparation renews the lease itself.
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
            raise  # no database: nothing was written, the reports return with the end of the lease
        except Exception as failure:  # noqa: BLE001 - no failure of a report stops the queue
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
        """Run the preparation of a step on a batch (such as hashing files), renewing the lease at pauses.

        Return whether to run the step. `token` is that of the batch's claim, `urgent` whether it holds urgent
        reports. Reports that need no preparation go first. After `TURN` seconds, the reports still to be
        prepared return to the queue, behind others if they were worked on.
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
        """Carry the reports of a batch that need no preparation to the last stage.

        Return whether others remain. `waiting`: the ids of the others, to which `batch` is then reduced.
        `token` is that of the batch's claim, `urgent` whether it holds urgent reports.
        """
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
        """Run a batch's preparation to its next pause; return the ids of reports worked on, None at its end.

        `pauses` is the preparation, a generator that yields these ids at each pause; `token` is the fencing
        token of the batch's claim, which is watched meanwhile.
        """
        with self._watched(token, len(batch.report_ids)):
            return next(pauses, None)

    def _go_on_with_the_rest(
        self, token: UUID, stage: Stage, batch: Batch, *, urgent: bool
    ) -> None:
        """Continue with the reports of a batch still under claim (`token`), after others were lost.

        These were withdrawn, or their lease has expired. `urgent`: the batch holds urgent reports.
        """
        held = intake.list_held(actor=self._actor, token=token, report_ids=batch.report_ids)
        log.warning("lease lost at %s: %d of %d kept", stage, len(held), len(batch.report_ids))
        if held and len(held) < len(batch.report_ids):
            self._carry(token, stage, replace(batch, report_ids=held, failed={}), urgent=urgent)

    def _pause(
        self, token: UUID, stage: Stage, batch: Batch, *, failure: Exception, code: str
    ) -> None:
        """Requeue a batch without a failed attempt, and pause its stage: the vault is at fault.

        A person must repair it. `token` is that of the batch's claim; `code`: that of the outage; `failure`:
        logged by its error number only.
        """
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
