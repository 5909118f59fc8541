"""Prometheus metrics of one app: how many requests, how long they took, how many are under way."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The app's own registry, so that two apps in one process do not share counts.

    Labels hold path templates (`/api/v1/todos/{todo_id}`) and never paths, which would add a series for every record.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.in_progress = Gauge("http_requests_in_progress", "Requests under way.", registry=self.registry)
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ("method", "path", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer.", ("method", "path"), registry=self.registry
        )

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answered request. `path` is a template; an unknown `method` is counted as `OTHER`."""
        method = method if method in KNOWN_METHODS else "OTHER"
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)
