"""Prometheus metrics of the service."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.candidate_block import Counts, Milliseconds

REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_STAGE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_PREFIX: Final = "feast_two_tower"
_ROUTE: Final = ("http_request_method", "http_route", "http_response_status_code")


@dataclass(frozen=True)
class State:
    """What is true at one moment.

    Attributes:
        releases: the releases that serve, each with the generation of the online store that it reads.
        views: the feature views that requests read.
        features_age: seconds.
        index_age: seconds.
        pending: users that wait for their candidates.
        activations: releases activated since the start.
        refusals: releases refused since the start.
    """

    releases: dict[str, str]
    views: Iterable[str]
    features_age: float
    index_age: float
    pending: int
    activations: int
    refusals: int


class Metrics:
    """The metrics of one service, in a registry of their own.

    Args:
        state: returns what is true at the moment.
    """

    def __init__(self, state: Callable[[], State]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._duration = Histogram(
            "http_server_request_duration_seconds",
            "Seconds from a request to its response.",
            _ROUTE,
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._requests = self._counter("requests", "Requests.", ("route", "status"))
        self._stages = Histogram(
            f"{_PREFIX}_stage_duration_seconds",
            "Seconds of a stage of candidate requests, of all users that are computed together.",
            ("stage",),
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )
        self._excluded = self._counter(
            "candidates_excluded", "Pairs of user and item that a filter excludes.", ("filter",)
        )
        self._cold = self._counter("cold_users", "Users without a purchase history, who get bestsellers.")
        self._degraded = self._counter(
            "degraded_users", "Users who got bestsellers, because the online store did not answer."
        )
        self._events = self._counter("events", "Purchase events, by what became of them.", ("result",))
        self._served = self._counter("subjects", "Users and sessions that got candidates.", ("release",))
        self._seconds = Histogram(
            f"{_PREFIX}_candidates_duration_seconds",
            "Seconds of all stages, of all users that are computed together.",
            ("release",),
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )
        self._statuses = Counter(
            "feast_online_features_status_total",
            "Users with and without features in the online store.",
            ("feature_view", "status"),
            registry=self.registry,
        )
        self.registry.register(_StateCollector(state))

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a response."""
        self._duration.labels(method, route, str(status)).observe(seconds)
        self._requests.labels(route, str(status)).inc()

    def count_block(
        self, release: str, counts: Counts, stages: Iterable[Milliseconds], *, subjects: int, cold: int
    ) -> None:
        """Count a block of users of one release.

        Args:
            release: its version.
            counts: what it adds.
            stages: milliseconds of each stage, of each group of the block.
            subjects: users and sessions.
            cold: users without a history.
        """
        self._served.labels(release).inc(subjects)
        for took in stages:
            self._seconds.labels(release).observe(sum(took.values()) / 1_000)
            for stage, milliseconds in took.items():
                self._stages.labels(stage).observe(milliseconds / 1_000)
        for name, pairs in counts.excluded.items():
            self._excluded.labels(name).inc(pairs)
        for (view, status), users in counts.views.items():
            self._statuses.labels(view, status).inc(users)
        self._cold.inc(cold)
        self._degraded.inc(counts.degraded)

    def count_events(self, result: str, events: int) -> None:
        """Count events that are "accepted", "duplicate" or "refused"."""
        self._events.labels(result).inc(events)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"{_PREFIX}_{name}_total", text, labels, registry=self.registry)


class _StateCollector(Collector):
    """Collects what is true when the metrics are read."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        state = self._state()
        freshness = GaugeMetricFamily(
            "feast_feature_freshness_seconds",
            "Seconds since the moment up to which a feature view is filled.",
            labels=("feature_view",),
        )
        for view in state.views:
            freshness.add_metric((view,), state.features_age)
        yield freshness
        info = GaugeMetricFamily(
            f"{_PREFIX}_release_info", "The releases that serve.", labels=("release", "generation")
        )
        for release, generation in state.releases.items():
            info.add_metric((release, generation), 1)
        yield info
        for name, text, value in (
            ("features_age_seconds", "Age of the features of users.", state.features_age),
            ("index_age_seconds", "Age of the item vectors.", state.index_age),
            ("pending_users", "Users that wait for their candidates.", state.pending),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value)
        for name, text, value in (
            ("release_activations", "Releases activated since the start.", state.activations),
            ("release_refusals", "Releases refused since the start.", state.refusals),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value)
