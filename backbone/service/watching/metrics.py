"""Figures for Prometheus, on the loopback address alone. The one place that imports prometheus_client.

What is read is read when somebody asks, from the store; the alarms are those of the node's last look.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from backbone.errors import BackboneError
from backbone.replication.alarm import Alarm
from backbone.service.node import Node
from backbone.service.watching.status import LinkStatus, status

LOOPBACK = "127.0.0.1"

_LINK_FIGURES = {
    "messages_sent": ("Messages of ours that left at least once.", "sent"),
    "messages_stored": ("Messages of ours that the partner has stored.", "acknowledged"),
    "messages_applied": ("Messages of ours whose effects are durable at the partner.", "applied_there"),
    "messages_received": ("Messages of the partner's that we have stored.", "received"),
    "messages_applied_here": ("Messages of the partner's whose effects are durable here.", "applied_here"),
    "messages_waiting": ("Messages that wait to be applied, here or there.", "waiting"),
    "issues": ("Shared issues.", "issues"),
    "quarantined": ("Items that wait for a person.", "quarantined"),
    "conflicts_open": ("Conflicts that a person has to decide.", "conflicts_open"),
}


class Figures(Collector):
    """What is shown. ``alarms`` is set by whoever looks."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.alarms: Sequence[Alarm] = ()

    def collect(self) -> Iterator[Metric]:
        """In the thread of whoever asks."""
        try:
            links = status(self._node.store)
        except BackboneError:
            return
        yield from (_family(name, help_, attribute, links) for name, (help_, attribute) in _LINK_FIGURES.items())
        active = GaugeMetricFamily("backbone_link_active", "1 while the link replicates.", labels=["link"])
        heard = GaugeMetricFamily(
            "backbone_heard_timestamp_seconds", "When the partner was last heard.", labels=["link"]
        )
        for link in links:
            active.add_metric([link.name], float(link.state == "active"))
            if link.heard_at is not None:
                heard.add_metric([link.name], link.heard_at)
        yield from (active, heard, self._standing())

    def _standing(self) -> Metric:
        family = GaugeMetricFamily("backbone_alarm", "What is wrong; the value is how bad.", labels=["kind", "about"])
        for alarm in self.alarms:
            family.add_metric([str(alarm.kind), alarm.about], alarm.level)
        return family


def _family(name: str, help_: str, attribute: str, links: Sequence[LinkStatus]) -> Metric:
    family = GaugeMetricFamily(f"backbone_{name}", help_, labels=["link"])
    for link in links:
        family.add_metric([link.name], getattr(link, attribute))
    return family


@contextmanager
def serving(figures: Figures, port: int | None, log: Any) -> Iterator[None]:
    """While the block runs, http://127.0.0.1:PORT/metrics answers. A taken port is logged, and nothing served."""
    begun = _begin(figures, port, log) if port is not None else None
    if begun is None:
        yield
        return
    server, thread = begun
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _begin(figures: Figures, port: int, log: Any) -> tuple[WSGIServer, Thread] | None:
    registry = CollectorRegistry()
    registry.register(figures)
    try:
        return start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        reason = f"port {port} on {LOOPBACK} cannot be used ({error.strerror}): set another metrics_port"
        log.warning("no metrics", reason=reason)
        return None
