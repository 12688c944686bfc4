"""The workloads that are measured, and the demand on each."""

from benchmarks.demands import PRODUCT, Demand, Figure, Group, Workload
from benchmarks.product import Cast

POSTGRES, DURABLE = "product on PostgreSQL", "product on PostgreSQL, fsync"
PLAIN, PLAIN_POSTGRES, PLAIN_DURABLE = "plain", "plain on PostgreSQL", "plain on PostgreSQL, fsync"
NAIVE, WS, SOCKETIO = "naive Channels", "ws", "socket.io"
WEBSOCKETS, PICOWS, NCHAN, UWS = "websockets", "picows", "nchan", "uWebSockets.js"

WRITERS = (PRODUCT, PLAIN, POSTGRES, PLAIN_POSTGRES, DURABLE, PLAIN_DURABLE)
SPEAKERS = (PRODUCT, UWS, WS, PICOWS, SOCKETIO, WEBSOCKETS)
"""Those that have the whole conversation; the measured order is theirs"""
FANNERS = (PRODUCT, POSTGRES, UWS, WS, PICOWS, SOCKETIO, WEBSOCKETS, NCHAN)


P50 = Figure(name="p50_ms", title="p50", unit="ms")
P99 = Figure(name="p99_ms", title="p99", unit="ms")
CPU = Figure(name="server_cpu_percent", title="CPU", unit="%")
CPU_EACH = Figure(name="server_cpu_us_each", title="CPU each", unit="us")
DELIVERIES = Figure(name="deliveries_per_s", title="deliveries/s")
MEGABYTES = Figure(name="mb_per_s", title="MB/s")
OTHERS_P99 = Figure(name="bystander_p99_ms", title="p99 of others", unit="ms")
LONGEST = Figure(name="bystander_max_ms", title="longest of others", unit="ms")
REPLACED = Figure(name="replaced_percent", title="replaced by later ones", unit="%")
SECONDS = Figure(name="seconds", title="until all have all", unit="s")
MEMORY = Figure(name="rss_mb", title="memory", unit="MB")


def _fanout(
    name: str, *, outstanding: int, publishers: int, targets: tuple[str, ...], **more: Demand
) -> Workload:
    ways = "one publisher" if publishers == 1 else f"{publishers} publishers"
    return Workload(
        name=name,
        title=f"fan-out to 1,000 subscribers, {outstanding} outstanding, {ways}",
        group=Group.FANOUT,
        options={
            "mode": "fanout",
            "connections": 1000,
            "outstanding": outstanding,
            "publishers": publishers,
        },
        figures=(DELIVERIES, MEGABYTES, CPU_EACH, P50, P99),
        targets=targets,
        demands=tuple(more.values()),
    )


def _times(
    figure: str, title: str, beside: str, *, at_least: float, target: str = PRODUCT
) -> Demand:
    return Demand(title=title, figure=figure, beside=beside, at_least=at_least, target=target)


def _rooms(rooms: int, *, targets: tuple[str, ...], demands: tuple[Demand, ...] = ()) -> Workload:
    return Workload(
        name=f"rooms-{rooms}",
        title=f"{rooms} rooms of 20 who all point 10 times a second",
        group=Group.ROOMS,
        options={
            "mode": "cursor",
            "connections": 20 * rooms,
            "room-size": 20,
            "rate": 10,
            "publishers": 0,
        },
        figures=(P99, P50, REPLACED, CPU),
        targets=targets,
        demands=demands,
        cast=Cast.PEOPLE,
    )


def _update(connections: int, demands: tuple[Demand, ...] = ()) -> Workload:
    return Workload(
        name=f"update-{connections}",
        title=f"KPI_UPDATE acknowledged after commit, {connections} at once",
        group=Group.WRITES,
        options={"mode": "update", "connections": connections},
        figures=(Figure(name="events_per_s", title="updates/s"), CPU, CPU_EACH, P50, P99),
        targets=WRITERS,
        demands=demands,
    )


def _snapshot(clients: int, seconds: float) -> Workload:
    return Workload(
        name=f"snapshot-{clients}",
        title=f"snapshot of 10,000 KPIs to {clients} at once",
        group=Group.OTHERS,
        options={
            "mode": "snapshot",
            "connections": clients,
            "entities": 10_000,
            "bystanders": 10,
            "bystander-rate": 100,
        },
        figures=(SECONDS, OTHERS_P99, MEMORY),
        targets=(PRODUCT, POSTGRES),
        demands=(
            Demand(title="seconds", figure="seconds", at_most=seconds),
            Demand(title="p99 of others, ms", figure="bystander_p99_ms", at_most=100),
        ),
        cast=Cast.LARGE,
    )


WORKLOADS = (
    _fanout(
        "fanout",
        outstanding=8,
        publishers=1,
        targets=(*FANNERS, NAIVE),
        uws=_times("deliveries_per_s", "deliveries", UWS, at_least=0.62),
        ws=_times("deliveries_per_s", "deliveries", WS, at_least=3),
        naive=_times("deliveries_per_s", "deliveries", NAIVE, at_least=250),
    ),
    _fanout("fanout-publishers", outstanding=8, publishers=8, targets=(PRODUCT, NAIVE)),
    _fanout(
        "fanout-1",
        outstanding=1,
        publishers=1,
        targets=FANNERS,
        ws=_times("deliveries_per_s", "deliveries", WS, at_least=0.85),
    ),
    Workload(
        name="rate",
        title="1,000 subscribers at 50 events/s (naive at 2: it cannot carry 50)",
        group=Group.FANOUT,
        # The naive server saturates near 3 events a second here: beyond that it drops messages.
        options={"mode": "rate", "connections": 1000, "rate": 50},
        per_target={NAIVE: {"rate": 2}},
        figures=(P99, P50, CPU),
        targets=(*FANNERS, NAIVE),
        demands=(
            Demand(title="p99", figure="p99_ms", beside=WS, at_most=1.2),
            Demand(title="CPU", figure="server_cpu_percent", beside=WS, at_most=1.25),
        ),
    ),
    Workload(
        name="pointers",
        title="pointers in a room of 200, 8 at once, no commit",
        group=Group.ROOMS,
        options={"mode": "pointers", "connections": 200, "outstanding": 8},
        figures=(DELIVERIES, MEGABYTES, CPU_EACH, P50, P99),
        targets=SPEAKERS,
        demands=(_times("deliveries_per_s", "deliveries", UWS, at_least=1),),
        cast=Cast.PEOPLE,
    ),
    Workload(
        name="ping",
        title="PING over 50 connections",
        group=Group.REQUESTS,
        options={"mode": "ping", "connections": 50},
        figures=(Figure(name="events_per_s", title="replies/s"), CPU_EACH, P50, P99),
        targets=(*SPEAKERS, NAIVE),
        demands=(_times("events_per_s", "replies", WS, at_least=1),),
    ),
    Workload(
        name="connect",
        title="connect and AUTH, 2,000 connections, 50 in parallel",
        group=Group.REQUESTS,
        options={"mode": "connect", "connections": 2000, "parallel": 50},
        # The first connection also loads code and opens the database: no connection's own cost.
        warm_up={"mode": "connect", "connections": 20},
        figures=(
            Figure(name="conn_per_s", title="connections/s"),
            Figure(name="kb_per_connection", title="memory of an idle connection", unit="kB"),
            CPU_EACH,
            P50,
            P99,
        ),
        targets=(*SPEAKERS, NAIVE),
        demands=(
            _times("conn_per_s", "connections", WS, at_least=0.5),
            Demand(title="kB a connection", figure="kb_per_connection", at_most=18),
        ),
    ),
    _rooms(30, targets=(PRODUCT,)),
    _rooms(40, targets=(PRODUCT,)),
    _rooms(
        60,
        targets=(PRODUCT, POSTGRES, UWS, WS),
        demands=(
            Demand(title="p99, ms", figure="p99_ms", at_most=100),
            Demand(title="not delivered, %", figure="replaced_percent", at_most=0),
        ),
    ),
    Workload(
        name="rooms-60-blocked",
        title="60 rooms, the database blocked for 200 ms of every half second",
        group=Group.ROOMS,
        options={
            "mode": "cursor",
            "connections": 1200,
            "room-size": 20,
            "rate": 10,
            "publishers": 1,
        },
        figures=(P99, P50, REPLACED, CPU),
        targets=(PRODUCT, POSTGRES),
        demands=(
            Demand(title="p99 to that of 60 rooms", figure="p99_ms", of="rooms-60", at_most=1.5),
        ),
        cast=Cast.PEOPLE,
        blocked=True,
    ),
    Workload(
        name="join",
        title="SESSION_JOIN, 60 rooms of 20, 50 at once",
        group=Group.ROOMS,
        options={"mode": "join", "connections": 1200, "room-size": 20, "parallel": 50},
        figures=(Figure(name="events_per_s", title="joins/s"), CPU, P50, P99),
        targets=(PRODUCT, POSTGRES),
        demands=(Demand(title="joins a second", figure="events_per_s", at_least=400),),
        cast=Cast.PEOPLE,
    ),
    _update(16),
    _update(
        64,
        demands=(
            _times("events_per_s", "updates, SQLite", PLAIN, at_least=3),
            _times(
                "events_per_s", "updates, fsync off", PLAIN_POSTGRES, at_least=2.5, target=POSTGRES
            ),
            _times(
                "events_per_s", "updates, fsync on", PLAIN_DURABLE, at_least=2.5, target=DURABLE
            ),
        ),
    ),
    Workload(
        name="resume",
        title="resume of 1,000 clients, 1,000 events each",
        group=Group.OTHERS,
        options={
            "mode": "resume",
            "connections": 1000,
            "events": 1000,
            "bystanders": 10,
            "bystander-rate": 100,
        },
        figures=(SECONDS, OTHERS_P99, MEMORY),
        targets=(PRODUCT, POSTGRES),
        demands=(
            Demand(title="seconds", figure="seconds", at_most=5),
            Demand(title="p99 of others, ms", figure="bystander_p99_ms", at_most=100),
        ),
    ),
    _snapshot(1, 0.5),
    _snapshot(100, 2),
    Workload(
        name="idle",
        title="10,000 idle connections",
        group=Group.OTHERS,
        options={"mode": "idle", "connections": 10_000, "bystanders": 10, "bystander-rate": 100},
        figures=(
            OTHERS_P99,
            Figure(name="bystander_max_ms", title="longest", unit="ms"),
            MEMORY,
            CPU,
        ),
        targets=(PRODUCT,),
        demands=(
            Demand(title="p99 of others, ms", figure="bystander_p99_ms", at_most=15),
            Demand(title="memory, MB", figure="rss_mb", at_most=280),
            Demand(title="CPU, %", figure="server_cpu_percent", at_most=5),
        ),
        seconds=32,  # a heartbeat goes to everybody every 30 s
    ),
    Workload(
        name="lists",
        title="admin lists of 10,000 KPIs and of a million values",
        group=Group.PAGES,
        figures=(
            Figure(name="kpi_list_ms", title="KPIs", unit="ms"),
            Figure(name="kpi_list_kb", title="KPIs", unit="kB"),
            Figure(name="value_list_ms", title="values", unit="ms"),
            Figure(name="value_list_kb", title="values", unit="kB"),
        ),
        targets=(PRODUCT,),
        demands=(
            Demand(title="KPIs, ms", figure="kpi_list_ms", at_most=200),
            Demand(title="KPIs, kB", figure="kpi_list_kb", at_most=150),
            Demand(title="values, ms", figure="value_list_ms", at_most=200),
            Demand(title="values, kB", figure="value_list_kb", at_most=150),
        ),
        script="benchmarks.lists",
    ),
    Workload(
        name="ingest",
        title="POST /api/v1/values, 10,000 values of 1,000 KPIs a request, one after the other",
        group=Group.WRITES,
        figures=(
            Figure(name="values_per_s", title="values/s"),
            Figure(name="ping_p99_ms", title="p99 of PING", unit="ms"),
            Figure(name="postgres_values_per_s", title="values/s on PostgreSQL"),
            Figure(name="postgres_ping_p99_ms", title="p99 of PING on PostgreSQL", unit="ms"),
        ),
        targets=(PRODUCT,),
        demands=(
            Demand(title="values/s", figure="values_per_s", at_least=8_000),
            Demand(title="p99 of PING, ms", figure="ping_p99_ms", at_most=100),
            Demand(title="values/s on PostgreSQL", figure="postgres_values_per_s", at_least=5_000),
            Demand(
                title="p99 of PING on PostgreSQL, ms", figure="postgres_ping_p99_ms", at_most=100
            ),
        ),
        script="benchmarks.ingest",
    ),
)
BASIC = ("fanout", "fanout-publishers", "rate", "ping", "connect", "update-16", "update-64")
"""Measured by `make bench`, of the product and the naive server"""
