"""What the service answers: candidates, histories and similar items of the release that serves."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

from features.errors import InputError, OnlineStoreUnavailableError
from serving.batcher import Batcher
from serving.candidate_block import Counts, Milliseconds, Subject, SubjectCandidates
from serving.candidate_steps import Steps, run_steps
from serving.deployment import Deployment
from serving.errors import RequestError, overloaded, unknown_item
from serving.event_intake import EventIntake, Outcome
from serving.limits import Limits
from serving.metrics import Metrics, State
from serving.release_switch import ReleaseSwitch
from serving.request_models import BatchQuery, CandidateQuery, EventsQuery, StepsQuery
from serving.second_release import SecondRelease
from serving.table_reads import TableReads

_SERVER_ERROR: Final = 500
_EVENTS_PER_USER: Final = 4  # that take as long as the candidates of a user

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present moment, UTC."""


@dataclass(frozen=True)
class _Lookup:
    """Work on a deployment that is not a request for candidates."""

    function: Callable[[Deployment], Any]
    user_id: str | None = None


_Query: TypeAlias = CandidateQuery | BatchQuery
_Work: TypeAlias = _Query | _Lookup | EventsQuery


@dataclass(frozen=True)
class _Answer:
    """The result of a piece of work, and the one deployment that it comes from: in a batch, of its first user."""

    deployment: Deployment
    content: Any


@dataclass(frozen=True)
class _Recorded:
    """The accepted events of a request: whether each is new, and whether the next request reflects them."""

    new: list[bool]
    in_effect: bool
    took: Milliseconds


@dataclass(frozen=True)
class _Assigned:
    """One subject of a block, the deployment that serves it, and the candidates that it gets."""

    subject: Subject
    deployment: Deployment
    candidates: list[SubjectCandidates] = field(default_factory=list)


class Service:
    """Answers requests; everything about a release happens in the thread of the batcher.

    Args:
        switch: holds the deployment that serves.
        limits: of requests.
        now: the present moment.
        second: a second release, and its share of the users; None for one release.
        intake: accepts purchase events, which the switches must have, too; None if there are none.
    """

    def __init__(
        self,
        switch: ReleaseSwitch,
        limits: Limits,
        now: Clock,
        second: SecondRelease | None = None,
        intake: EventIntake | None = None,
    ) -> None:
        self.switch, self.limits, self._now, self.second, self._intake = switch, limits, now, second, intake
        self.metrics = Metrics(self._state)
        self._tables = TableReads()
        self._batcher: Batcher[_Work, _Answer] = Batcher(
            self._compute, max_pending=limits.pending_users, max_block=limits.block_users
        )

    def start(self) -> None:
        """Begin to serve, and to watch for releases."""
        self._batcher.start()
        for switch in self._switches:
            switch.start()

    def stop(self) -> None:
        """End after all requests in progress."""
        for switch in self._switches:
            switch.stop()
        self._tables.stop()
        self._batcher.stop()

    async def candidates(self, query: CandidateQuery) -> dict[str, Any]:
        """Return the candidates of one user or session, JSON-ready."""
        answer, waited = await self._submit(query, 1)
        [assigned] = answer.content
        [candidates] = assigned.candidates
        return {
            **self._release(answer.deployment),
            "took_ms": _took(candidates.took, waited),
            **self._subject(answer.deployment, query.user_id, candidates),
        }

    async def steps(self, query: StepsQuery) -> dict[str, Any]:
        """Return the three steps of a request of one user or session, JSON-ready.

        Raises:
            RequestError: the release lacks an item to buy, or the features cannot be read.
        """
        deployment, purchase = self._deployment_of(query.user_id), None
        if query.buy and query.user_id is not None:
            if missing := deployment.lacks(query.buy):
                raise unknown_item(deployment.version, missing[0])
            user_id = query.user_id
            purchase = await self._read_tables(lambda: deployment.purchase_now(user_id, query.buy))

        def run(present: Deployment) -> Steps:
            if purchase is not None and present is not deployment:
                raise overloaded("Another release or online store took over meanwhile.", "release_changed")
            return run_steps(present.block, _subject(query, query.user_id, present), purchase)

        answer, waited = await self._submit(_Lookup(run, query.user_id), 3 if query.buy else 2)  # retrievals
        steps: Steps = answer.content
        return {
            **self._release(answer.deployment),
            "took_ms": _took(steps.took, waited),
            **self._subject(answer.deployment, query.user_id, steps.candidates),
            **steps.content,
        }

    async def users(self, prefix: str, limit: int) -> dict[str, Any]:
        """Return users whose id begins with a prefix, JSON-ready."""
        deployment = self.switch.current
        found = await self._read_tables(lambda: deployment.user_search.find(prefix, limit))
        return {"release": deployment.version, "prefix": prefix, "user_ids": found}

    async def _read_tables(self, read: Callable[[], Result]) -> Result:
        try:
            return await self._tables.read(read)
        except InputError as error:
            raise _unavailable(error) from error

    async def events(self, query: EventsQuery) -> dict[str, Any]:
        """Accept purchase events, and return what became of each, JSON-ready.

        Raises:
            RequestError: the service accepts none, or the events cannot be accepted.
        """
        if self._intake is None:
            raise RequestError(404, "events_disabled", "This service accepts no events: start it with --events FILE.")
        try:
            answer, waited = await self._submit(query, -(-len(query.events) // _EVENTS_PER_USER))
        except RequestError as error:
            if error.status < _SERVER_ERROR:
                self.metrics.count_events("refused", len(query.events))
            raise
        recorded: _Recorded = answer.content
        duplicates = len(recorded.new) - sum(recorded.new)
        self.metrics.count_events("accepted", sum(recorded.new))
        self.metrics.count_events("duplicate", duplicates)
        return {
            **self._release(answer.deployment),
            "took_ms": _took(recorded.took, waited),
            "in_effect": recorded.in_effect,
            "results": [
                {"event_id": event.event_id, "duplicate": not new}
                for event, new in zip(query.events, recorded.new, strict=True)
            ],
        }

    async def batch(self, query: BatchQuery) -> dict[str, Any]:
        """Return the candidates of several users, JSON-ready."""
        answer, waited = await self._submit(query, len(query.user_ids))
        results = [
            {"release": each.deployment.version, **self._subject(each.deployment, each.subject.user_id, candidates)}
            for each in answer.content
            for candidates in each.candidates
        ]
        took = {id(each.deployment): each.candidates[0].took for each in answer.content}
        return {
            **self._release(answer.deployment),
            "took_ms": _took(_sum(took.values()), waited),
            "results": results,
        }

    async def history(self, user_id: str, limit: int) -> dict[str, Any]:
        """Return what a user bought, JSON-ready."""
        answer, _ = await self._submit(_Lookup(lambda deployment: deployment.history(user_id, limit), user_id), 1)
        items, known = answer.content
        return {
            **self._release(answer.deployment),
            "user_id": user_id,
            "features": self._features(answer.deployment, user_id, known=known),
            "items": items,
        }

    async def similar_items(self, item_id: str, k: int) -> dict[str, Any] | None:
        """Return the items most similar to an item, JSON-ready; None if the release lacks it."""
        answer, _ = await self._submit(_Lookup(lambda deployment: deployment.similar_items(item_id, k)), 1)
        if answer.content is None:
            return None
        return {**self._release(answer.deployment), "item_id": item_id, "items": answer.content}

    def release(self) -> dict[str, Any]:
        """Return which release serves since when, which one served before, and which one was refused, JSON-ready."""
        switch, deployment = self.switch, self.switch.current
        refusal = switch.refusal
        return {
            **self._release(deployment),
            "generation": deployment.generation,
            "features": {
                "as_of": deployment.features_as_of.isoformat(),
                "age_seconds": self.age(deployment.features_as_of),
            },
            "items": len(deployment.pipeline.release.item_ids),
            "filters": deployment.settings.to_json(),
            "active_since": switch.activated_at.isoformat(),
            "previous": switch.previous,
            "refused": refusal and {"version": refusal.version, "reason": refusal.reason, "at": refusal.at.isoformat()},
            "second": self.second and {"release": self.second.switch.current.version, "share": self.second.share},
        }

    def age(self, moment: datetime) -> float:
        """Return the seconds since a moment."""
        return (self._now() - moment).total_seconds()

    def check_ready(self) -> str:
        """Check that a request could be served now, and return "ready", or "degraded" without the online store.

        Raises:
            RequestError: too many users wait, or the online store was changed by another program.
        """
        if self._batcher.pending >= self.limits.pending_users:
            raise overloaded(f"{self._batcher.pending} users are waiting for candidates.")
        deployments = [switch.current for switch in self._switches]
        if any(each.block.breaker.is_open for each in deployments):
            return "degraded"
        try:
            for deployment in deployments:
                deployment.pipeline.reader.generation.check_unchanged()
        except OnlineStoreUnavailableError:
            return "degraded"
        except InputError as error:
            raise _unavailable(error) from error
        return "ready"

    def _state(self) -> State:
        switch, deployment = self.switch, self.switch.current
        return State(
            releases={switch.current.version: switch.current.generation for switch in self._switches},
            views=deployment.block.views,
            features_age=self.age(deployment.features_as_of),
            index_age=self.age(deployment.index_as_of),
            pending=self._batcher.pending,
            activations=switch.activations,
            refusals=switch.refusals,
        )

    async def _submit(self, work: _Work, weight: int) -> tuple[_Answer, float]:
        try:
            return await self._batcher.submit(work, weight)
        except InputError as error:
            raise _unavailable(error) from error

    def _compute(self, works: Sequence[_Work]) -> list[_Answer | Exception]:
        """Compute a block with the deployments that serve when it begins: no answer for a user mixes two.

        Events come first: the candidates of the same block reflect them.
        """
        present = {id(switch): switch.current for switch in self._switches}
        recorded = self._record([work for work in works if isinstance(work, EventsQuery)], [*present.values()])

        def assign(user_id: str | None) -> Deployment:
            return present[id(self._switch_of(user_id))]

        assigned = [_assign_subjects(work, assign) for work in works]
        subjects = [each for of_work in assigned for each in of_work]
        for deployment in present.values():
            own = [each for each in subjects if each.deployment is deployment]
            if not own:
                continue
            found, counts = deployment.block.run([each.subject for each in own])
            self._count(deployment, found, counts, [each.subject for each in own])
            for each, candidates in zip(own, found, strict=True):
                each.candidates.append(candidates)
        answers: list[_Answer | Exception] = []
        for work, of_work in zip(works, assigned, strict=True):
            if isinstance(work, EventsQuery):
                answers.append(recorded.pop(0))
            elif isinstance(work, _Lookup):
                deployment = assign(work.user_id)
                answers.append(_Answer(deployment, work.function(deployment)))
            else:
                answers.append(_Answer(of_work[0].deployment, of_work))
        return answers

    def _record(self, queries: Sequence[EventsQuery], present: Sequence[Deployment]) -> "list[_Answer | Exception]":
        """Accept events, and push the features of all users with new ones, also those of an earlier block."""
        if self._intake is None:
            return []
        moments, outcomes = [time.perf_counter()], list[Outcome]()
        if queries:
            outcomes = self._intake.accept(queries, present[0], self._now())
        moments.append(time.perf_counter())
        in_effect = [_push_events(deployment) for deployment in present]
        moments.append(time.perf_counter())
        took = {
            name: (later - earlier) * 1_000
            for name, earlier, later in zip(("log", "push"), moments, moments[1:], strict=False)
        }
        return [
            outcome
            if isinstance(outcome, RequestError)
            else _Answer(present[0], _Recorded(outcome, all(in_effect), took))
            for outcome in outcomes
        ]

    @property
    def _switches(self) -> list[ReleaseSwitch]:
        return [self.switch] if self.second is None else [self.switch, self.second.switch]

    def _switch_of(self, user_id: str | None) -> ReleaseSwitch:
        """Return the switch of the release that serves a user; anonymous sessions get the first one."""
        if self.second is None or user_id is None or not self.second.serves(user_id):
            return self.switch
        return self.second.switch

    def _deployment_of(self, user_id: str | None) -> Deployment:
        return self._switch_of(user_id).current

    def _count(
        self, deployment: Deployment, found: Sequence[SubjectCandidates], counts: Counts, subjects: Sequence[Subject]
    ) -> None:
        users = [candidates for candidates, subject in zip(found, subjects, strict=True) if subject.user_id is not None]
        self.metrics.count_block(
            deployment.version,
            counts,
            stages={id(candidates.took): candidates.took for candidates in found}.values(),
            subjects=len(subjects),
            cold=sum(candidates.cold for candidates in users),
        )

    def _release(self, deployment: Deployment) -> dict[str, Any]:
        as_of = deployment.index_as_of
        return {
            "release": deployment.version,
            "index": {"as_of": as_of.isoformat(), "age_seconds": self.age(as_of)},
        }

    def _subject(self, deployment: Deployment, user_id: str | None, candidates: SubjectCandidates) -> dict[str, Any]:
        return {
            "user_id": user_id,
            "cold": candidates.cold,
            "degraded": candidates.degraded,
            "features": self._features(deployment, user_id, known=candidates.known, read=not candidates.degraded),
            "items": candidates.items,
        }

    def _features(
        self, deployment: Deployment, user_id: str | None, *, known: bool, read: bool = True
    ) -> dict[str, Any]:
        # With an event, a user's features are those of the next morning, and contain everything until now.
        as_of = min(deployment.features_of(user_id), max(self._now(), deployment.features_as_of))
        age = self.age(as_of)
        stale = age > self.limits.stale_after.total_seconds()
        return {
            "status": ("stale" if stale else "present") if known else "missing" if read else "unavailable",
            "as_of": as_of.isoformat(),
            "age_seconds": age,
        }


def _push_events(deployment: Deployment) -> bool:
    """Push the features of users with new events; return whether this is done. Otherwise a later block tries again."""
    events, breaker = deployment.events, deployment.block.breaker
    if events is None or not events.pending:
        return True
    if not breaker.allows:
        return False
    try:
        events.apply()
    except InputError as error:
        if isinstance(error, OnlineStoreUnavailableError):
            breaker.failed()
        _logger.warning("the features of users with new events cannot be pushed: %s", error)
        return False
    return True


def _unavailable(error: InputError) -> RequestError:
    return overloaded(f"The features cannot be read: {error}", "features_unavailable")


def _assign_subjects(work: _Work, assign: Callable[[str | None], Deployment]) -> list[_Assigned]:
    """Return the subjects of a request for candidates with the deployment that serves each."""
    if isinstance(work, (_Lookup, EventsQuery)):
        return []
    users = [work.user_id] if isinstance(work, CandidateQuery) else work.user_ids
    deployments = [assign(user) for user in users]
    return [
        _Assigned(_subject(work, user, deployment), deployment)
        for user, deployment in zip(users, deployments, strict=True)
    ]


def _subject(work: _Query, user_id: str | None, deployment: Deployment) -> Subject:
    """Return one subject of a request, with the filters in force: its own, or those of the release."""
    settings = work.filters or deployment.settings
    if work.channel is not None:
        settings = settings.replace(channel=work.channel)
    session = tuple(work.recent_items or ()) if isinstance(work, CandidateQuery) else ()
    return Subject(user_id, session, work.k, tuple(work.exclude), settings, work.explain)


def _sum(stages: Iterable[Milliseconds]) -> Milliseconds:
    """Return the sum of each stage over the releases of a batch."""
    total: Milliseconds = {}
    for took in stages:
        for name, milliseconds in took.items():
            total[name] = total.get(name, 0.0) + milliseconds
    return total


def _took(stages: Milliseconds, waited: float) -> Milliseconds:
    took = {"queue": waited * 1_000, **stages}
    return {name: round(milliseconds, 3) for name, milliseconds in {**took, "total": sum(took.values())}.items()}
