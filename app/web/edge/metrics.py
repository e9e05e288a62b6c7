"""Numbers for Prometheus: what requests did in this process, and what the database says just now."""

import datetime as dt
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app import queries
from app.db import Database

BUCKETS = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One registry an application, so that two of them in a process do not mix."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "inkling_requests", "Requests by route and status.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "inkling_request_seconds",
            "Time to the end of the response.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.replayed = Counter(
            "inkling_replayed_labels", "Labels sent again with a key that was known: retries.", registry=self.registry
        )
        self.registry.register(_FromDatabase(database))


class _FromDatabase(Collector):
    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Per pool: labels, leases, rounds, fits, failures, and how long labels have waited for a round."""
        with self._database.read() as session:
            rows = queries.measure_pools(session, now=dt.datetime.now(dt.UTC))
        labels = GaugeMetricFamily("inkling_labels", "Current labels.", labels=["pool", "source"])
        leases = GaugeMetricFamily("inkling_leases", "Images that are leased.", labels=["pool"])
        rounds = CounterMetricFamily("inkling_rounds", "Rounds trained.", labels=["pool"])
        failed = GaugeMetricFamily(
            "inkling_failed_rounds", "Rounds that failed and are still missing.", labels=["pool"]
        )
        fits = SummaryMetricFamily("inkling_fit_seconds", "Time to fit a round.", labels=["pool"])
        age = GaugeMetricFamily(
            "inkling_queue_age_seconds", "Age of the oldest label of a round that is due.", labels=["pool"]
        )
        for row in rows:
            for source in ("human", "oracle", "model"):
                labels.add_metric([row.slug, source], getattr(row.counts, source))
            leases.add_metric([row.slug], row.counts.held)
            rounds.add_metric([row.slug], row.n_rounds)
            failed.add_metric([row.slug], row.n_failed)
            fits.add_metric([row.slug], count_value=row.n_rounds, sum_value=row.fit_seconds)
            age.add_metric([row.slug], row.queue_age_seconds)
        yield from (labels, leases, rounds, failed, fits, age)
