"""The workloads that are measured, and the demand on each."""

from dataclasses import dataclass, field

PRODUCT, PRODUCT_POSTGRES, NAIVE = "product", "product on PostgreSQL", "naive Channels"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the report, from one figure of the load client's result."""

    title: str
    figure: str
    unit: str
    min_ratio: float | None = None
    max_value: float | None = None
    compared: bool = True
    latency: bool = True


@dataclass(frozen=True, kw_only=True)
class Workload:
    name: str
    options: dict[str, object]
    rows: tuple[Row, ...]
    targets: tuple[str, ...] = (PRODUCT, NAIVE)
    per_target: dict[str, dict[str, object]] = field(default_factory=dict)
    """Options that differ for a target, {"naive Channels": {"rate": 2}}"""
    warm_up: dict[str, object] | None = None
    """Options of a first run that does not count."""

    def options_for(self, target: str) -> dict[str, object]:
        return self.options | self.per_target.get(target, {})


def _update(connections: int) -> Workload:
    return Workload(
        name=f"update-{connections}",
        options={"mode": "update", "connections": connections},
        rows=(
            Row(
                title=f"KPI_UPDATE acknowledged after commit, {connections} connections",
                figure="events_per_s",
                unit="updates/s",
                compared=False,
            ),
        ),
        targets=(PRODUCT, PRODUCT_POSTGRES),
    )


WORKLOADS = (
    Workload(
        name="fanout",
        options={"mode": "fanout", "connections": 1000, "outstanding": 8, "publishers": 1},
        rows=(
            Row(
                title="fan-out to 1,000 subscribers, 8 outstanding, one publisher",
                figure="deliveries_per_s",
                unit="deliveries/s",
                min_ratio=150,
            ),
        ),
    ),
    Workload(
        name="fanout-publishers",
        options={"mode": "fanout", "connections": 1000, "outstanding": 8, "publishers": 8},
        rows=(
            Row(
                title="fan-out to 1,000 subscribers, 8 outstanding, eight publishers",
                figure="deliveries_per_s",
                unit="deliveries/s",
                min_ratio=150,
            ),
        ),
    ),
    Workload(
        name="rate",
        # The naive server saturates near 3 events a second here: beyond that it drops messages.
        options={"mode": "rate", "connections": 1000, "rate": 50},
        per_target={NAIVE: {"rate": 2}},
        rows=(
            Row(
                title="1,000 subscribers at 50 events/s (naive at 2: it cannot carry 50)",
                figure="deliveries_per_s",
                unit="deliveries/s",
                compared=False,
            ),
        ),
    ),
    Workload(
        name="ping",
        options={"mode": "ping", "connections": 50},
        rows=(
            Row(
                title="PING over 50 connections",
                figure="events_per_s",
                unit="replies/s",
                min_ratio=4,
            ),
        ),
    ),
    Workload(
        name="connect",
        options={"mode": "connect", "connections": 2000, "parallel": 50},
        # The first connection also loads code and opens the database: no connection's own cost.
        warm_up={"mode": "connect", "connections": 20},
        rows=(
            Row(
                title="connect and AUTH, 2,000 connections, 50 in parallel",
                figure="conn_per_s",
                unit="connections/s",
                min_ratio=1.3,
            ),
            Row(
                title="memory of an idle connection",
                figure="kb_per_connection",
                unit="kB",
                max_value=30,
                compared=False,
                latency=False,
            ),
        ),
    ),
    _update(16),
    _update(64),
)
