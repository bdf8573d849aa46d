"""What the service answers: candidates, histories and similar items of the release that serves."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from features.errors import InputError
from pipelines.purchase_now import PurchaseNow
from serving.batcher import Batcher
from serving.candidate_block import Counts, Milliseconds, Subject, SubjectCandidates
from serving.candidate_steps import Steps, run_steps
from serving.deployment import Deployment
from serving.errors import RequestError, overloaded, unknown_item
from serving.limits import Limits
from serving.metrics import Metrics, State
from serving.release_switch import ReleaseSwitch
from serving.request_models import BatchQuery, CandidateQuery, StepsQuery

Result = TypeVar("Result")

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present moment, UTC."""


@dataclass(frozen=True)
class _Lookup:
    """Work on a deployment that is not a request for candidates."""

    function: Callable[[Deployment], Any]


_Query: TypeAlias = CandidateQuery | BatchQuery


@dataclass(frozen=True)
class _Answer:
    """The result of a piece of work, and the one deployment that it comes from."""

    deployment: Deployment
    content: Any


class Service:
    """Answers requests; everything about a release happens in the thread of the batcher.

    Args:
        switch: holds the deployment that serves.
        limits: of requests.
        now: the present moment.
    """

    def __init__(self, switch: ReleaseSwitch, limits: Limits, now: Clock) -> None:
        self.switch, self.limits, self._now = switch, limits, now
        self.metrics = Metrics(self._state)
        self._batcher: Batcher[_Query | _Lookup, _Answer] = Batcher(
            self._compute, max_pending=limits.pending_users, max_block=limits.block_users
        )

    def start(self) -> None:
        """Begin to serve, and to watch for releases."""
        self._batcher.start()
        self.switch.start()

    def stop(self) -> None:
        """End after all requests in progress."""
        self.switch.stop()
        self._batcher.stop()

    async def candidates(self, query: CandidateQuery) -> dict[str, Any]:
        """Return the candidates of one user or session, JSON-ready."""
        answer, waited = await self._submit(query, 1)
        [candidates] = answer.content
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
        deployment, purchase = self.switch.current, None
        if query.buy and query.user_id is not None:
            if missing := deployment.lacks(query.buy):
                raise unknown_item(deployment.version, missing[0])
            user_id = query.user_id
            purchase = await _read_offline(lambda: PurchaseNow.read(deployment.pipeline, user_id, query.buy))

        def run(present: Deployment) -> Steps:
            if purchase is not None and present is not deployment:
                raise overloaded("Another release or online store took over meanwhile.", "release_changed")
            [subject] = _subjects(query, present)
            return run_steps(present.block, subject, purchase)

        answer, waited = await self._submit(_Lookup(run), 1)
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
        found = await _read_offline(lambda: deployment.user_search.find(prefix, limit))
        return {"release": deployment.version, "prefix": prefix, "user_ids": found}

    async def batch(self, query: BatchQuery) -> dict[str, Any]:
        """Return the candidates of several users, JSON-ready."""
        answer, waited = await self._submit(query, len(query.user_ids))
        results = [
            self._subject(answer.deployment, user, candidates)
            for user, candidates in zip(query.user_ids, answer.content, strict=True)
        ]
        return {
            **self._release(answer.deployment),
            "took_ms": _took(answer.content[0].took, waited),
            "results": results,
        }

    async def history(self, user_id: str, limit: int) -> dict[str, Any]:
        """Return what a user bought, JSON-ready."""
        answer, _ = await self._submit(_Lookup(lambda deployment: deployment.history(user_id, limit)), 1)
        items, known = answer.content
        return {
            **self._release(answer.deployment),
            "user_id": user_id,
            "features": self._features(answer.deployment, known=known),
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
        }

    def age(self, moment: datetime) -> float:
        """Return the seconds since a moment."""
        return (self._now() - moment).total_seconds()

    def check_ready(self) -> None:
        """Check that a request could be served now.

        Raises:
            RequestError: too many users wait, or the online store was changed by another program.
        """
        if self._batcher.pending >= self.limits.pending_users:
            raise overloaded(f"{self._batcher.pending} users are waiting for candidates.")
        try:
            self.switch.current.pipeline.reader.generation.check_unchanged()
        except InputError as error:
            raise _unavailable(error) from error

    def _state(self) -> State:
        switch, deployment = self.switch, self.switch.current
        return State(
            release=deployment.version,
            generation=deployment.generation,
            views=deployment.block.views,
            features_age=self.age(deployment.features_as_of),
            index_age=self.age(deployment.index_as_of),
            pending=self._batcher.pending,
            activations=switch.activations,
            refusals=switch.refusals,
        )

    async def _submit(self, work: _Query | _Lookup, weight: int) -> tuple[_Answer, float]:
        try:
            return await self._batcher.submit(work, weight)
        except InputError as error:
            raise _unavailable(error) from error

    def _compute(self, works: Sequence[_Query | _Lookup]) -> list[_Answer]:
        """Compute a block with the deployment that serves when it begins: no answer mixes two."""
        deployment = self.switch.current
        subjects = [_subjects(work, deployment) for work in works]
        found, counts = deployment.block.run([subject for each in subjects for subject in each])
        self._count(found, counts, [subject for each in subjects for subject in each])
        answers, start = [], 0
        for work, own in zip(works, subjects, strict=True):
            content = work.function(deployment) if isinstance(work, _Lookup) else found[start : start + len(own)]
            answers.append(_Answer(deployment, content))
            start += len(own)
        return answers

    def _count(self, found: Sequence[SubjectCandidates], counts: Counts, subjects: Sequence[Subject]) -> None:
        users = [candidates for candidates, subject in zip(found, subjects, strict=True) if subject.user_id is not None]
        self.metrics.count_block(
            counts,
            stages={id(candidates.took): candidates.took for candidates in found}.values(),
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
            "features": self._features(deployment, known=candidates.known),
            "items": candidates.items,
        }

    def _features(self, deployment: Deployment, *, known: bool) -> dict[str, Any]:
        age = self.age(deployment.features_as_of)
        stale = age > self.limits.stale_after.total_seconds()
        return {
            "status": ("stale" if stale else "present") if known else "missing",
            "as_of": deployment.features_as_of.isoformat(),
            "age_seconds": age,
        }


async def _read_offline(read: Callable[[], Result]) -> Result:
    """Read feature tables in another thread: candidates do not wait for it."""
    try:
        return await asyncio.to_thread(read)
    except InputError as error:
        raise _unavailable(error) from error


def _unavailable(error: InputError) -> RequestError:
    return overloaded(f"The features cannot be read: {error}", "features_unavailable")


def _subjects(work: _Query | _Lookup, deployment: Deployment) -> list[Subject]:
    """Return the subjects of a request, with the filters in force: its own, or those of the release."""
    if isinstance(work, _Lookup):
        return []
    settings = work.filters or deployment.settings
    if work.channel is not None:
        settings = settings.replace(channel=work.channel)
    session = tuple(work.recent_items or ()) if isinstance(work, CandidateQuery) else ()
    users = [work.user_id] if isinstance(work, CandidateQuery) else work.user_ids
    return [Subject(user, session, work.k, tuple(work.exclude), settings, work.explain) for user in users]


def _took(stages: Milliseconds, waited: float) -> Milliseconds:
    took = {"queue": waited * 1_000, **stages}
    return {name: round(milliseconds, 3) for name, milliseconds in {**took, "total": sum(took.values())}.items()}
