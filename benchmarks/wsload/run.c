/* One run: connect, warm up, measure, wait for the rest; then judge and tell it. */
#include "wsload.h"
#include "run.h"
#include <unistd.h>

Totals totals;

static const bool needs_publishers[MODES] = {[FANOUT] = true, [RATE] = true, [RESUME] = true};

static void prepare(void)
{
    unsigned publishers = needs_publishers[options.mode] ? options.publishers : 0;
    connection_count = options.connections + publishers + options.bystanders;
    connections = allocate(connection_count, sizeof *connections);
    for (unsigned i = 0; i < connection_count; i++) {
        connections[i].index = i;
        connections[i].role = i < options.connections ? MEMBER
                            : i < options.connections + publishers ? PUBLISHER : BYSTANDER;
    }
    if (has_subscribers())
        events_prepare();
    if (has_rooms())
        rooms_prepare();
    replay_prepare();
    socket_prepare();
    nonce = (unsigned)(now() ^ (int64_t)getpid() << 16);
}

static uint64_t expected(void)
{
    switch (options.mode) {
    case CURSOR: case POINTERS: return cursors_expected();
    case JOIN: return joins_expected();
    case FANOUT: case RATE: return (uint64_t)published * options.connections;
    case RESUME: return (uint64_t)options.connections * options.events;
    case SNAPSHOT: return (uint64_t)options.connections * options.entities;
    default: return totals.asked;
    }
}

/* Waits for what is under way, then a moment longer: a repeated message would come last. */
static void drain(void)
{
    uint64_t before = 0;
    int64_t deadline = now() + DRAIN_SECONDS * SECOND;
    while ((totals.answered + totals.replaced < expected() || totals.ponged < totals.pinged) && now() < deadline) {
        poll_for(SECOND);
        if (totals.answered + totals.ponged != before) {
            before = totals.answered + totals.ponged;
            deadline = now() + DRAIN_SECONDS * SECOND;
        }
    }
    poll_until(now() + SECOND / 5);
}

static void measure_connects(Setup *setup)
{
    window_open();
    setup->connections_per_second = connect_all();
    totals.asked = totals.answered = connection_count;
    window_close();
    poll_until(now() + SETTLE_SECONDS * SECOND);
}

static void measure(void)
{
    int64_t warm_until = now() + nanoseconds(options.warm), end = warm_until + nanoseconds(options.seconds);
    switch (options.mode) {
    case FANOUT: case RATE: run_events(warm_until, end); break;
    case CURSOR: run_cursors(warm_until, end); break;
    case POINTERS: run_pointers(warm_until, end); break;
    case JOIN: run_joins(); break;
    case RESUME: case SNAPSHOT: run_replay(); break;
    case IDLE: run_idle(warm_until, end); break;
    case PING: run_requests(ask_ping, warm_until, end); break;
    default: run_requests(ask_update, warm_until, end);
    }
}

Setup run(void)
{
    prepare();
    Setup setup = {.rss_before_kb = server_rss_kb()};
    if (options.mode == CONNECT)
        measure_connects(&setup);
    else {
        setup.connections_per_second = connect_all();
        poll_until(now() + (options.mode == IDLE ? SETTLE_SECONDS * SECOND : SECOND / 2));
        measure();
        drain();
    }
    setup.rss_after_kb = server_rss_kb();
    return setup;
}

/* ---- the result ---- */

static char reasons[1024];

static void __attribute__((format(printf, 1, 2))) reject(const char *format, ...)
{
    size_t length = strlen(reasons);
    va_list arguments;
    va_start(arguments, format);
    length += snprintf(reasons + length, sizeof reasons - length, "%s", length ? "; " : "");
    vsnprintf(reasons + length, sizeof reasons - length, format, arguments);
    va_end(arguments);
}

static uint64_t lost(void)
{
    uint64_t came = totals.answered + totals.replaced;
    return (expected() > came ? expected() - came : 0) + totals.pinged - totals.ponged;
}

/* What the server did wrong: the figures mean nothing. */
static void judge_messages(void)
{
    const struct { const char *what; uint64_t count; } faults[] = {
        {"lost", lost()}, {"duplicates", totals.duplicates}, {"misordered", totals.misordered},
        {"errors", totals.errors}};
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].count)
            reject("%llu %s", (unsigned long long)faults[i].count, faults[i].what);
    if (!totals.answered && !totals.ponged)
        reject("nothing was delivered");
}

/* What the machine did: another run may be right. A client that is ready to run all the time is as much the limit as
 * one that runs all the time. */
static bool judge_machine(void)
{
    size_t before = strlen(reasons);
    double busy = window.client_cpu + window.client_wait, waited = waited_percent();
    if (busy >= options.max_client_percent)
        reject("the client was the limit: it ran or wanted to for %.0f %% of the time", busy);
    if (options.pid_count && waited > options.max_wait_percent)
        reject("the server did not get its core: it waited for others for %.1f %% of the time", waited);
    return strlen(reasons) > before;
}

static void print_number(const char *name, double value)
{
    if (isnan(value))
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":%.12g", name, value);
}

static void print_latencies(const char *of, const Histogram *h)
{
    const struct { const char *name; double quantile; } told[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
    for (unsigned i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s_ms", of, told[i].name);
        print_number(name, histogram_ms(h, told[i].quantile));
    }
}

static double events_per_second(void)
{
    bool counted = has_subscribers() || options.mode == JOIN || options.mode == RESUME || options.mode == SNAPSHOT;
    return options.mode == CONNECT ? NAN : (counted ? window.events : window.answered) / window_seconds();
}

static void print_speeds(const Setup *setup)
{
    bool watched = options.pid_count, connects = options.mode == CONNECT || options.mode == IDLE;
    print_number("connections", options.connections);
    print_number("seconds", window_seconds());
    print_number("deliveries_per_s", published ? window.answered / window_seconds() : NAN);
    print_number("mb_per_s", window.bytes / 1e6 / window_seconds());
    print_number("events_per_s", events_per_second());
    print_latencies("", &latency);
    print_latencies("bystander_", &bystander_latency);
    print_number("conn_per_s", setup->connections_per_second);
    print_number("kb_per_connection", connects && watched
                 ? (double)(setup->rss_after_kb - setup->rss_before_kb) / options.connections : NAN);
    print_number("rss_before_mb", watched ? setup->rss_before_kb / 1024.0 : NAN);
    print_number("rss_mb", watched ? setup->rss_after_kb / 1024.0 : NAN);
}

static void print_counts(void)
{
    print_number("expected", expected());
    print_number("received", totals.answered);
    print_number("replaced", totals.replaced);
    print_number("replaced_percent", expected() ? 100.0 * totals.replaced / expected() : NAN);
    print_number("duplicates", totals.duplicates);
    print_number("misordered", totals.misordered);
    print_number("lost", lost());
    print_number("errors", totals.errors);
    print_number("other_messages", totals.other);
    print_number("bystander_pings", totals.pinged);
}

bool report(const Setup *setup)
{
    judge_messages();
    bool disturbed = judge_machine(), watched = options.pid_count;
    printf("{\"mode\":\"%s\",\"valid\":%s,\"disturbed\":%s,\"reason\":\"%s\"", mode_names[options.mode],
           *reasons ? "false" : "true", disturbed ? "true" : "false", reasons);
    print_speeds(setup);
    print_counts();
    print_number("client_cpu_percent", window.client_cpu);
    print_number("client_wait_percent", window.client_wait);
    print_number("server_cpu_percent", watched ? window.server_cpu : NAN);
    print_number("server_cpu_us_each", watched && window.answered
                 ? window.server_cpu / 100 * window_seconds() * 1e6 / window.answered : NAN);
    print_number("server_waited_percent", watched ? waited_percent() : NAN);
    print_number("core_steal_percent", window.core_steal);
    printf("}\n");
    return !*reasons;
}
