"""What can be seen of a server from outside: metrics for Prometheus and spans for OpenTelemetry. Never a memory's text."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind, StatusCode, get_tracer
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

from mnemic import MnemicError

CONTENT_TYPE = CONTENT_TYPE_LATEST
# From a look-up to a recall that waits behind others, in seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Observing:
    """An `Observer`, and what it has seen. ``PROMETHEUS_MULTIPROC_DIR`` joins the numbers of several processes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "mnemic_call_seconds", "Time from the call of a use case to its end, queueing included.", ["use_case"],
            registry=self._registry, buckets=_BUCKETS,
        )  # fmt: skip
        self._calls = Counter(
            "mnemic_calls", "Calls of use cases, by how they ended: ok, or the name of the error.", ["use_case", "outcome"],
            registry=self._registry,
        )  # fmt: skip
        self._running = Gauge(
            "mnemic_calls_running", "Calls that run or wait for a thread.", registry=self._registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._refused = Counter(
            "mnemic_requests_refused", "Requests turned away at the gate, by reason: token, rate, doors.", ["reason"],
            registry=self._registry,
        )  # fmt: skip
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            ProcessCollector(registry=self._registry)
        self._tracer = get_tracer("mnemic")

    @contextmanager
    def __call__(self, use_case: str) -> Iterator[None]:
        began, outcome = time.perf_counter(), "ok"
        self._running.inc()
        with self._tracer.start_as_current_span(
            f"mnemic {use_case}", kind=SpanKind.INTERNAL, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                # The message of an error may quote what was asked; its name does not.
                outcome = type(error).__name__ if isinstance(error, MnemicError) else "internal"
                span.set_status(StatusCode.ERROR, outcome)
                raise
            finally:
                self._running.dec()
                self._seconds.labels(use_case).observe(time.perf_counter() - began)
                self._calls.labels(use_case, outcome).inc()

    def refused(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._refused.labels(reason).inc()

    def metrics(self) -> bytes:
        """All numbers in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        joined = CollectorRegistry()
        multiprocess.MultiProcessCollector(joined)  # type: ignore[no-untyped-call]  # untyped upstream
        return generate_latest(joined)
