/* wsload: a WebSocket load client that checks every message it receives.
 *
 * One thread, one epoll: the client must cost so little that the server's core is the one that saturates.
 * It speaks only to 127.0.0.1, opens a bounded number of connections and ends by itself.
 *
 *   gcc -O2 -Wall -Wextra -o wsload wsload.c
 *
 * Modes
 *   fanout   closed loop: event i is published when every subscriber has event i - W. Nothing is dropped by
 *            asking too much, so the figure is what the server carries.
 *   rate     open loop: R events a second whatever the server does; latency counts from the moment an event
 *            was due, so a stalled server cannot hide behind a stalled client.
 *   ping     C connections, each with one PING under way.
 *   connect  N connections, P at a time, from connect() to AUTH_SUCCESS; then the server's memory.
 *   update   C connections, each with one KPI_UPDATE under way, until its own acknowledgement.
 *   cursor   C participants of one session, who each send R cursors a second, evenly spread: open loop. The first P
 *            of them set a KPI with each. A cursor may be replaced by a later one, but everybody must get the last
 *            of everybody else, and none behind a later one.
 *
 * Every published value is the number of its event, 1, 2, 3 ...: what a subscriber sees shows what it has missed,
 * seen twice or seen too late. Exit code 0: valid; 1: could not run; 2: a message was lost, repeated, out of
 * order or refused, so the figures mean nothing. One JSON object on standard output.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define MAX_EVENTS 4000000   /* of one run; the tables are only touched as far as they are used */
#define MAX_PIDS 32
#define MAX_LIST 64          /* KPIs, publisher tokens */
#define MAX_TOKENS 65536
#define SETUP_SECONDS 120
#define DRAIN_SECONDS 5      /* without a single delivery: what has not come by then is lost */
#define SETTLE_SECONDS 2     /* before memory is read: the server's last work on a connection is over */

typedef enum { FANOUT, RATE, PING, CONNECT, UPDATE, CURSOR, MODES } Mode;
typedef enum { CONNECTING, UPGRADING, AUTHENTICATING, SUBSCRIBING, WAITING, MEETING, READY, CLOSED } Stage;
typedef enum { SYNC_UPDATE, KPI_UPDATED, KINDS } Kind;

typedef struct { char *bytes; size_t length, capacity; } Buffer;
typedef struct { const char *at; size_t length; } Slice;

/* The last 64 numbers of a series, as a bit each (the replay window of IPsec): tells new, late and repeated apart
 * in 16 bytes a subscriber. */
typedef struct { uint32_t highest; uint64_t seen; } Window;

typedef struct {
    int fd;
    unsigned index;
    Stage stage;
    bool publishes, subscribes;
    Buffer unread, unsent;
    uint64_t events_read;     /* event frames so far: where the memo of the next one lies */
    uint64_t last_sequence;
    Window *windows;          /* [kind][publisher] */
    uint32_t *pointed;        /* [participant], the last cursor seen of him */
    uint32_t request_number;
    int64_t asked_at;
} Connection;

typedef struct {
    Slice type, request_id, entity_id, session_id;
    bool has_sequence, has_value, has_position;
    uint64_t sequence;
    double value, x, y;
} Message;

typedef struct { Kind kind; uint32_t number; bool has_sequence; uint64_t sequence; } Event;
typedef struct { Buffer text; Event event; } Memo;

static struct {
    int port;
    Mode mode;
    unsigned connections, outstanding, parallel, publishers, frames_per_event;
    double rate, seconds, warm;
    const char *channel;
    char *kpis[MAX_LIST], *publisher_tokens[MAX_LIST], *tokens[MAX_TOKENS];
    unsigned kpi_count, publisher_token_count, token_count;
    int pids[MAX_PIDS];
    unsigned pid_count;
} options = {.mode = MODES, .connections = 100, .outstanding = 1, .parallel = 50, .publishers = 1,
             .frames_per_event = 1, .rate = 50, .seconds = 5, .warm = 1, .channel = ""};

static const char *const mode_names[MODES] = {"fanout", "rate", "ping", "connect", "update", "cursor"};

static struct {
    uint64_t asked, answered;           /* deliveries, PONGs or acknowledgements */
    uint64_t replaced;                  /* cursors that a later one has come instead of */
    uint64_t duplicates, misordered, errors, other;
} totals;

static struct {
    bool open;
    int64_t started, ended;
    uint64_t answered, events;
    uint32_t first_event;
    double client_cpu, server_cpu;      /* seconds at the start, then percent */
} window;

static Connection *connections;
static unsigned connection_count, ready_count;
static int epoll_fd;
static unsigned nonce;                  /* request ids of another run must not look like retries of this one */
static uint32_t published, completed;
static int64_t *published_at;           /* [event or cursor], when it was due */
static uint32_t *frames_missing;        /* [event], over all subscribers */
static uint64_t *sequence_of;           /* [event], plus one; 0: not seen yet */

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* Counted, and the first few told: a thousand equal lines help nobody. */
static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
    if (totals.errors++ >= 5)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t nanoseconds(double seconds) { return (int64_t)(seconds * SECOND); }

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        die("out of memory");
    return memory;
}

static void buffer_reserve(Buffer *b, size_t capacity)
{
    if (capacity <= b->capacity)
        return;
    b->bytes = realloc(b->bytes, capacity);
    if (!b->bytes)
        die("out of memory");
    b->capacity = capacity;
}

static void buffer_set(Buffer *b, const char *bytes, size_t length)
{
    buffer_reserve(b, length);
    memcpy(b->bytes, bytes, length);
    b->length = length;
}

static void buffer_append(Buffer *b, const void *bytes, size_t length)
{
    if (b->length + length > b->capacity)
        buffer_reserve(b, 2 * (b->length + length));
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

/* ---- latency: 128 buckets for every power of two microseconds, so a percentile is right to 1 % ---- */

#define FINE 128
static uint64_t histogram[FINE * 40];

static void latency_record(int64_t elapsed)
{
    uint64_t microseconds = elapsed > 0 ? elapsed / 1000 : 0;
    unsigned shift = microseconds < 2 * FINE ? 0 : 63 - __builtin_clzll(microseconds) - 7;
    unsigned bucket = shift * FINE + (microseconds >> shift);
    histogram[bucket < FINE * 40 ? bucket : FINE * 40 - 1]++;
}

static double latency_ms(double quantile)
{
    uint64_t total = 0, passed = 0;
    for (unsigned i = 0; i < FINE * 40; i++)
        total += histogram[i];
    if (!total)
        return NAN;
    for (unsigned i = 0; i < FINE * 40; i++)
        if ((passed += histogram[i]) > quantile * total || passed == total) {
            unsigned shift = i < 2 * FINE ? 0 : i / FINE - 1;
            return (double)((uint64_t)(i - shift * FINE) << shift) / 1000;
        }
    return NAN;
}

/* ---- what the processes cost, from /proc ---- */

static double server_cpu_seconds(void)
{
    double seconds = 0;
    for (unsigned i = 0; i < options.pid_count; i++) {
        char path[64], text[1024];
        unsigned long user = 0, system = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", options.pids[i]);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        size_t length = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[length] = 0;
        char *after_name = strrchr(text, ')');  /* the name itself may hold spaces and parentheses */
        if (after_name)
            sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
        seconds += (double)(user + system) / sysconf(_SC_CLK_TCK);
    }
    return seconds;
}

static long server_rss_kb(void)
{
    long total = 0;
    for (unsigned i = 0; i < options.pid_count; i++) {
        char path[64], line[256];
        long kb;
        snprintf(path, sizeof path, "/proc/%d/status", options.pids[i]);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file))
            if (sscanf(line, "VmRSS: %ld", &kb) == 1)
                total += kb;
        if (file)
            fclose(file);
    }
    return total;
}

static double client_cpu_seconds(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void window_open(void)
{
    memset(histogram, 0, sizeof histogram);
    window.open = true;
    window.started = now();
    window.answered = totals.answered;
    window.events = completed;
    window.first_event = published + 1;
    window.client_cpu = client_cpu_seconds();
    window.server_cpu = server_cpu_seconds();
}

static double window_seconds(void) { return (double)(window.ended - window.started) / SECOND; }

static void window_close(void)
{
    window.open = false;
    window.ended = now();
    window.answered = totals.answered - window.answered;
    window.events = completed - window.events;
    window.client_cpu = (client_cpu_seconds() - window.client_cpu) / window_seconds() * 100;
    window.server_cpu = (server_cpu_seconds() - window.server_cpu) / window_seconds() * 100;
}

/* ---- JSON: only as far as needed to read a member at its own depth; a search for '"value":' anywhere in the
 *      text would also find it in a field of another meaning ---- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    if (p < end && *p == '"')
        return skip_string(p, end);
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
            return p;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
    }
    return end;
}

/* Steps to the object's next member; *at starts on the opening brace. */
static bool next_member(const char **at, const char *end, Slice *key, Slice *value)
{
    const char *p = skip_space(*at, end);
    if (p >= end || (*p != '{' && *p != ','))
        return false;
    p = skip_space(p + 1, end);
    if (p >= end || *p != '"')
        return false;
    const char *after = skip_string(p, end);
    *key = (Slice){p + 1, after - p - 2};
    p = skip_space(after, end);
    if (p >= end || *p != ':')
        return false;
    p = skip_space(p + 1, end);
    after = skip_value(p, end);
    *value = (Slice){p, after - p};
    *at = skip_space(after, end);
    return true;
}

static bool is(Slice slice, const char *text)
{
    return slice.length == strlen(text) && !memcmp(slice.at, text, slice.length);
}

static Slice unquoted(Slice value)
{
    if (value.length >= 2 && value.at[0] == '"')
        return (Slice){value.at + 1, value.length - 2};
    return (Slice){value.at, 0};
}

static double number_of(Slice value)
{
    char text[64];
    size_t length = value.length < sizeof text - 1 ? value.length : sizeof text - 1;
    memcpy(text, value.at, length);
    text[length] = 0;
    return strtod(text, NULL);
}

/* The payload, its 'data' (a KPI's value stands in the first in KPI_UPDATED, in the second in SYNC_UPDATE) or its
 * 'position'. */
static void read_payload(Slice object, Message *message)
{
    const char *at = object.at, *end = object.at + object.length;
    Slice key, value;
    while (next_member(&at, end, &key, &value)) {
        if (is(key, "kpiId") || is(key, "entityId"))
            message->entity_id = unquoted(value);
        else if (is(key, "sessionId"))
            message->session_id = unquoted(value);
        else if (is(key, "position") && value.length && *value.at == '{') {
            message->has_position = true;
            read_payload(value, message);
        } else if (is(key, "x"))
            message->x = number_of(value);
        else if (is(key, "y"))
            message->y = number_of(value);
        else if (is(key, "sequence")) {
            message->has_sequence = true;
            message->sequence = (uint64_t)number_of(value);
        } else if (is(key, "value")) {
            message->has_value = true;
            message->value = number_of(value);
        } else if (is(key, "data") && value.length && *value.at == '{')
            read_payload(value, message);
    }
}

static Message read_message(const char *text, size_t length)
{
    Message message = {0};
    const char *at = text, *end = text + length;
    Slice key, value;
    while (next_member(&at, end, &key, &value)) {
        if (is(key, "type"))
            message.type = unquoted(value);
        else if (is(key, "requestId"))
            message.request_id = unquoted(value);
        else if (is(key, "payload"))
            read_payload(value, &message);
    }
    return message;
}

/* ---- sending ---- */

static void connection_watch(Connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void connection_close(Connection *c, const char *why, size_t length)
{
    if (c->stage == CLOSED)
        return;
    if (c->stage != READY)
        die("connection %u: closed before it was ready: %.*s", c->index, (int)length, why);
    complain("connection %u: closed: %.*s", c->index, (int)length, why);
    c->stage = CLOSED;
    close(c->fd);
}

/* What does not fit into the socket waits, so a server that does not read cannot stop the client from reading. */
static void send_bytes(Connection *c, const void *bytes, size_t length)
{
    ssize_t sent = c->unsent.length ? 0 : send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        connection_close(c, strerror(errno), strlen(strerror(errno)));
        return;
    }
    sent = sent < 0 ? 0 : sent;
    if ((size_t)sent == length)
        return;
    buffer_append(&c->unsent, (const char *)bytes + sent, length - sent);
    connection_watch(c, EPOLLIN | EPOLLOUT);
}

static void send_unsent(Connection *c)
{
    ssize_t sent = send(c->fd, c->unsent.bytes, c->unsent.length, MSG_NOSIGNAL);
    if (sent <= 0)
        return;
    c->unsent.length -= sent;
    memmove(c->unsent.bytes, c->unsent.bytes + sent, c->unsent.length);
    if (!c->unsent.length)
        connection_watch(c, EPOLLIN);
}

static void send_frame(Connection *c, unsigned opcode, const char *payload, size_t length)
{
    /* A real mask, so that the server has the work of taking it off (RFC 6455, 5.3). */
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    static unsigned char frame[65536 + 8];
    size_t header = 2;
    if (c->stage == CLOSED)
        return;
    if (length > 65535)
        die("a frame of %zu bytes is more than this client ever sends", length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (length < 126 ? length : 126);
    if (length >= 126) {
        frame[2] = length >> 8;
        frame[3] = length & 255;
        header = 4;
    }
    memcpy(frame + header, mask, 4);
    header += 4;
    for (size_t i = 0; i < length; i++)
        frame[header + i] = payload[i] ^ mask[i & 3];
    send_bytes(c, frame, header + length);
}

static void __attribute__((format(printf, 2, 3))) send_text(Connection *c, const char *format, ...)
{
    static char text[16384];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof text)
        die("a message of %d bytes is more than this client ever sends", length);
    send_frame(c, 1, text, length);
}

static size_t request_id(char *text, size_t size, const Connection *c)
{
    return snprintf(text, size, "%08x-%u-%u", nonce, c->index, c->request_number);
}

/* ---- mode ping ---- */

static void ask_ping(Connection *c)
{
    char id[64];
    c->request_number++;
    request_id(id, sizeof id, c);
    c->asked_at = now();
    totals.asked++;
    send_text(c, "{\"type\":\"PING\",\"requestId\":\"%s\"}", id);
}

/* ---- mode update ---- */

static const char *kpi_of(unsigned index) { return options.kpis[index % options.kpi_count]; }

/* No two requests of a run carry the same value: a server that skips what does not change finds nothing to skip. */
static uint64_t update_value(const Connection *c)
{
    return (uint64_t)c->request_number * options.connections + c->index;
}

static void ask_update(Connection *c)
{
    char id[64];
    c->request_number++;
    request_id(id, sizeof id, c);
    c->asked_at = now();
    totals.asked++;
    send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%llu},\"requestId\":\"%s\"}",
              kpi_of(c->index), (unsigned long long)update_value(c), id);
}

/* ---- both: one request under way, so an answer is the expected one, or a second one, or wrong ---- */

static bool still_asking;

static void take_answer(Connection *c, const Message *m, void (*ask)(Connection *))
{
    char id[64];
    size_t length = request_id(id, sizeof id, c);
    if (m->request_id.length != length || memcmp(m->request_id.at, id, length) || !c->asked_at) {
        totals.duplicates++;
        return;
    }
    if (options.mode == UPDATE && (m->value != update_value(c) || !is(m->entity_id, kpi_of(c->index))))
        complain("connection %u: the acknowledgement of %s names another KPI or value", c->index, id);
    totals.answered++;
    if (window.open)
        latency_record(now() - c->asked_at);
    c->asked_at = 0;
    if (still_asking)
        ask(c);
}

/* ---- modes fanout and rate ---- */

static void publish(int64_t due_at)
{
    uint32_t event = ++published;
    unsigned publisher = event % options.publishers;
    Connection *c = &connections[options.connections + publisher];
    published_at[event] = due_at;
    frames_missing[event] = options.connections * options.frames_per_event;
    c->request_number = event;
    char id[64];
    request_id(id, sizeof id, c);
    send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%u},\"requestId\":\"%s\"}",
              kpi_of(publisher), event, id);
}

typedef enum { NEW, LATE, REPEATED } Arrival;

static Arrival window_take(Window *w, uint32_t number)
{
    if (number > w->highest) {
        uint32_t steps = number - w->highest;
        w->seen = steps < 64 ? w->seen << steps | 1 : 1;
        w->highest = number;
        return NEW;
    }
    uint32_t age = w->highest - number;
    if (age >= 64 || w->seen >> age & 1)
        return REPEATED;
    w->seen |= 1ULL << age;
    return LATE;
}

static bool window_has(const Window *w, uint32_t number)
{
    return number <= w->highest && w->highest - number < 64 && w->seen >> (w->highest - number) & 1;
}

/* Both frames of an event carry the same sequence, and over all frames it never falls. */
static void check_sequence(Connection *c, const Event *e)
{
    if (!e->has_sequence) {
        if (options.frames_per_event > 1)
            complain("connection %u: event %u without a sequence", c->index, e->number);
        return;
    }
    if (e->sequence < c->last_sequence)
        totals.misordered++;
    c->last_sequence = e->sequence;
    if (!sequence_of[e->number])
        sequence_of[e->number] = e->sequence + 1;
    else if (sequence_of[e->number] != e->sequence + 1)
        complain("connection %u: two sequences for event %u", c->index, e->number);
}

static void take_event(Connection *c, const Event *e)
{
    unsigned publisher = e->number % options.publishers;
    uint32_t number = e->number / options.publishers + 1;  /* in its publisher's own series */
    Window *own = &c->windows[e->kind * options.publishers + publisher];
    const Window *others = &c->windows[!e->kind * options.publishers + publisher];
    if (e->number < 1 || e->number > published) {
        complain("connection %u: event %u was never published", c->index, e->number);
        return;
    }
    Arrival arrival = window_take(own, number);
    totals.duplicates += arrival == REPEATED;
    totals.misordered += arrival == LATE;
    check_sequence(c, e);
    if (arrival == REPEATED)
        return;
    if (--frames_missing[e->number] == 0)
        completed++;
    if (options.frames_per_event > 1 && !window_has(others, number))
        return;
    totals.answered++;  /* one delivery: this subscriber now has all frames of the event */
    if (e->number >= window.first_event)
        latency_record(now() - published_at[e->number]);
}

/* An event of this run: one of its KPIs and a whole number as value. Anything else is none of our business. */
static bool event_of(const Message *m, Event *e)
{
    if (is(m->type, "SYNC_UPDATE"))
        e->kind = SYNC_UPDATE;
    else if (is(m->type, "KPI_UPDATED") && options.frames_per_event > 1)
        e->kind = KPI_UPDATED;
    else
        return false;
    if (!m->has_value || m->value < 0 || m->value > MAX_EVENTS || m->value != floor(m->value))
        return false;
    e->number = (uint32_t)m->value;
    e->has_sequence = m->has_sequence;
    e->sequence = m->sequence;
    return is(m->entity_id, kpi_of(e->number % options.publishers));
}

/* All subscribers receive the same bytes: what was read once need only be compared. A subscriber's n-th event
 * frame lies where the n-th of the others lies, so a hit needs no hash; a miss is only slower. */
#define MEMOS 64
static Memo memos[MEMOS];

static bool take_known_event(Connection *c, const char *text, size_t length)
{
    Memo *memo = &memos[c->events_read % MEMOS];
    if (memo->text.length != length || !length || memcmp(memo->text.bytes, text, length))
        return false;
    c->events_read++;
    take_event(c, &memo->event);
    return true;
}

static bool take_new_event(Connection *c, const Message *m, const char *text, size_t length)
{
    Event event;
    if (!event_of(m, &event))
        return false;
    Memo *memo = &memos[c->events_read++ % MEMOS];
    buffer_set(&memo->text, text, length);
    memo->event = event;
    take_event(c, &event);
    return true;
}

/* ---- mode cursor ---- */

static char session[64];                /* its id, once the first participant has created it */

/* Cursor k is the (k / C)-th of participant k mod C: x tells which it is, y whose. */
static void point(int64_t due_at)
{
    uint32_t cursor = ++published, number = (cursor - 1) / options.connections + 1;
    Connection *c = &connections[(cursor - 1) % options.connections];
    published_at[cursor] = due_at;
    if (c->index < options.publishers)
        send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%u},"
                  "\"requestId\":\"%08x-%u-%u\"}", kpi_of(c->index), number, nonce, c->index, number);
    send_text(c, "{\"type\":\"CURSOR_MOVE\",\"payload\":{\"sessionId\":\"%s\","
              "\"position\":{\"x\":%u,\"y\":%u,\"z\":0}}}", session, number, c->index);
}

static void take_cursor(Connection *c, const Message *m)
{
    uint32_t number = (uint32_t)m->x, of = (uint32_t)m->y;
    uint64_t cursor = (uint64_t)(number - 1) * options.connections + of + 1;
    if (!m->has_position || number < 1 || of >= options.connections || of == c->index || cursor > published) {
        complain("connection %u: cursor %g of %g was never sent", c->index, m->x, m->y);
        return;
    }
    if (number <= c->pointed[of]) {
        totals.duplicates += number == c->pointed[of];
        totals.misordered += number < c->pointed[of];
        return;
    }
    totals.replaced += number - c->pointed[of] - 1;
    totals.answered++;
    c->pointed[of] = number;
    if (cursor >= window.first_event)
        latency_record(now() - published_at[cursor]);
}

/* ---- from connect() to ready ---- */

static void become_ready(Connection *c)
{
    c->stage = READY;
    ready_count++;
}

static const char *token_of(const Connection *c)
{
    if ((c->publishes || options.mode == UPDATE) && options.publisher_token_count)
        return options.publisher_tokens[c->index % options.publisher_token_count];
    return options.tokens[c->index % options.token_count];
}

static void connection_start(Connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die("socket: %s (open files?)", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->asked_at = now();
    c->stage = CONNECTING;
    if (connect(c->fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void send_upgrade(Connection *c)
{
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
        die("connection %u: %s", c->index, strerror(error));
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: bos-v1\r\n\r\n", options.port);
    c->stage = UPGRADING;
    connection_watch(c, EPOLLIN);
    send_bytes(c, request, size);
}

/* Length of the answer to the upgrade, 0 while it is incomplete. */
static size_t take_upgrade(Connection *c, const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (length < 12 || memcmp(bytes, "HTTP/1.1 101", 12) || !memmem(bytes, end - bytes, "bos-v1", 6))
        die("connection %u: upgrade refused: %.*s", c->index, (int)(end - bytes), bytes);
    c->stage = AUTHENTICATING;
    send_text(c, "{\"type\":\"AUTH\",\"payload\":{\"token\":\"%s\"},\"requestId\":\"auth\"}", token_of(c));
    return end + 4 - bytes;
}

static void meet(Connection *c)
{
    c->stage = MEETING;
    if (c->index)
        send_text(c, "{\"type\":\"SESSION_JOIN\",\"payload\":{\"sessionId\":\"%s\"},"
                  "\"requestId\":\"meet-%08x\"}", session, nonce);
    else
        send_text(c, "{\"type\":\"SESSION_CREATE\",\"payload\":{\"title\":\"Room\",\"activeSpace\":\"bench\","
                  "\"maxParticipants\":%u},\"requestId\":\"meet-%08x\"}", options.connections, nonce);
}

/* The first participant creates the session, the others join when they know it. */
static void take_meeting(Connection *c, const Message *m)
{
    if (!m->request_id.length)
        return;  /* others who join */
    become_ready(c);
    if (c->index)
        return;
    snprintf(session, sizeof session, "%.*s", (int)m->session_id.length, m->session_id.at);
    for (unsigned i = 1; i < connection_count; i++)
        if (connections[i].stage == WAITING)
            meet(&connections[i]);
}

static void take_setup_message(Connection *c, const Message *m, const char *text, size_t length)
{
    if (c->stage == AUTHENTICATING && is(m->type, "AUTH_SUCCESS")) {
        if (options.mode == CONNECT)
            latency_record(now() - c->asked_at);
        c->asked_at = 0;
        if (options.mode == CURSOR) {
            c->stage = WAITING;
            if (!c->index || *session)
                meet(c);
            return;
        }
        if (!c->subscribes) {
            become_ready(c);
            return;
        }
        c->stage = SUBSCRIBING;
        send_text(c, "{\"type\":\"SUBSCRIBE\",\"payload\":{\"channels\":[\"%s\"]},\"requestId\":\"subscribe\"}",
                  options.channel);
    } else if (c->stage == SUBSCRIBING && is(m->type, "SUBSCRIBED") &&
               memmem(text, length, options.channel, strlen(options.channel)))
        become_ready(c);
    else if (c->stage == MEETING && !is(m->type, "ERROR"))
        take_meeting(c, m);
    else
        die("connection %u: refused: %.*s", c->index, length > 400 ? 400 : (int)length, text);
}

/* ---- receiving ---- */

static void take_message(Connection *c, const char *text, size_t length)
{
    if (c->subscribes && c->stage == READY && take_known_event(c, text, length))
        return;
    Message m = read_message(text, length);
    if (is(m.type, "PING"))
        send_text(c, "{\"type\":\"PONG\"}");
    else if (c->stage != READY)
        take_setup_message(c, &m, text, length);
    else if (is(m.type, "ERROR") || is(m.type, "RATE_LIMIT") || is(m.type, "TOKEN_EXPIRED"))
        complain("connection %u: %.*s", c->index, length > 400 ? 400 : (int)length, text);
    else if (options.mode == PING && is(m.type, "PONG"))
        take_answer(c, &m, ask_ping);
    else if (options.mode == UPDATE && is(m.type, "KPI_UPDATED") && m.request_id.length)
        take_answer(c, &m, ask_update);
    else if (options.mode == CURSOR && is(m.type, "CURSOR_MOVE"))
        take_cursor(c, &m);
    else if (!c->subscribes || !take_new_event(c, &m, text, length))
        totals.other++;
}

static void take_frame(Connection *c, unsigned first_byte, const char *payload, size_t length)
{
    unsigned opcode = first_byte & 15;
    if (opcode == 9)
        send_frame(c, 10, payload, length);
    else if (opcode == 8) {
        char why[160];
        unsigned code = length >= 2 ? (unsigned char)payload[0] << 8 | (unsigned char)payload[1] : 1005;
        int size = snprintf(why, sizeof why, "%u %.*s", code, length > 2 ? (int)length - 2 : 0, payload + 2);
        connection_close(c, why, size < (int)sizeof why ? size : (int)sizeof why - 1);
    } else if (first_byte == 0x81)
        take_message(c, payload, length);
    else if (opcode != 10)  /* compression was not offered; neither server splits a message or sends binary */
        die("connection %u: a frame beginning with %#x is not expected", c->index, first_byte);
}

/* Bytes of the complete frame at the start, 0 while it is incomplete; the payload begins at *header. */
static size_t frame_size(const unsigned char *b, size_t available, size_t *header)
{
    if (available < 2)
        return 0;
    uint64_t length = b[1] & 127;
    *header = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (available < *header)
        return 0;
    if (*header > 2) {
        length = 0;
        for (size_t i = 2; i < *header; i++)
            length = length << 8 | b[i];
    }
    return available - *header < length ? 0 : *header + length;
}

/* How much of the bytes was understood; the rest waits for what follows. */
static size_t take_bytes(Connection *c, const char *bytes, size_t length)
{
    size_t position = 0, header, size;
    if (c->stage == UPGRADING && !(position = take_upgrade(c, bytes, length)))
        return 0;
    while (c->stage != CLOSED &&
           (size = frame_size((const unsigned char *)bytes + position, length - position, &header))) {
        const char *frame = bytes + position;
        take_frame(c, (unsigned char)frame[0], frame + header, size - header);
        position += size;
    }
    return position;
}

/* All connections read into one large buffer: what is left of one is copied out, and that is rare. */
static void connection_read(Connection *c)
{
    static Buffer shared;
    buffer_reserve(&shared, c->unread.length + (1 << 20));
    memcpy(shared.bytes, c->unread.bytes ? c->unread.bytes : "", c->unread.length);
    ssize_t received = recv(c->fd, shared.bytes + c->unread.length, shared.capacity - c->unread.length, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        const char *why = received ? strerror(errno) : "without a close frame";
        connection_close(c, why, strlen(why));
        return;
    }
    size_t length = c->unread.length + received;
    c->unread.length = 0;
    size_t taken = take_bytes(c, shared.bytes, length);
    if (c->stage != CLOSED && taken < length)
        buffer_set(&c->unread, shared.bytes + taken, length - taken);
}

/* Handles what is there, waiting for at most so long. */
static void poll_for(int64_t wait)
{
    static struct epoll_event events[2048];
    wait = wait < 0 ? 0 : wait > SECOND / 50 ? SECOND / 50 : wait;
    struct timespec timeout = {0, wait};
    int count = epoll_pwait2(epoll_fd, events, 2048, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        Connection *c = events[i].data.ptr;
        if (c->stage == CONNECTING)
            send_upgrade(c);
        else if (c->stage != CLOSED) {
            if (events[i].events & EPOLLOUT)
                send_unsent(c);
            if (c->stage != CLOSED && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
                connection_read(c);
        }
    }
}

static void poll_until(int64_t end)
{
    while (now() < end)
        poll_for(end - now());
}

/* ---- the run ---- */

static bool has_subscribers(void) { return options.mode == FANOUT || options.mode == RATE; }

static void prepare(void)
{
    connection_count = options.connections + (has_subscribers() ? options.publishers : 0);
    connections = allocate(connection_count, sizeof *connections);
    for (unsigned i = 0; i < connection_count; i++) {
        Connection *c = &connections[i];
        c->index = i;
        c->publishes = i >= options.connections;
        c->subscribes = has_subscribers() && !c->publishes;
        if (c->subscribes)
            c->windows = allocate(KINDS * options.publishers, sizeof *c->windows);
        if (options.mode == CURSOR)
            c->pointed = allocate(options.connections, sizeof *c->pointed);
    }
    if (options.mode == CURSOR)
        published_at = allocate(MAX_EVENTS + 1, sizeof *published_at);
    if (has_subscribers()) {
        published_at = allocate(MAX_EVENTS + 1, sizeof *published_at);
        frames_missing = allocate(MAX_EVENTS + 1, sizeof *frames_missing);
        sequence_of = allocate(MAX_EVENTS + 1, sizeof *sequence_of);
    }
    epoll_fd = epoll_create1(0);
    nonce = (unsigned)(now() ^ (int64_t)getpid() << 16);
}

/* Opens all connections; returns how many a second became ready. */
static double connect_all(void)
{
    int64_t started_at = now(), deadline = started_at + SETUP_SECONDS * SECOND;
    unsigned started = 0;
    while (ready_count < connection_count) {
        while (started < connection_count && started - ready_count < options.parallel)
            connection_start(&connections[started++]);
        poll_for(SECOND);
        if (now() > deadline)
            die("only %u of %u connections were ready after %d s", ready_count, connection_count, SETUP_SECONDS);
    }
    return connection_count / ((double)(now() - started_at) / SECOND);
}

static bool may_publish(void)
{
    return published < MAX_EVENTS &&
           (published < options.outstanding || !frames_missing[published + 1 - options.outstanding]);
}

static void run_events(int64_t warm_until, int64_t end)
{
    int64_t due_at = now(), gap = nanoseconds(1 / options.rate), wait = SECOND;
    for (int64_t t; (t = now()) < end; poll_for(wait)) {
        if (!window.open && t >= warm_until)
            window_open();
        if (options.mode == FANOUT)
            while (may_publish())
                publish(now());
        else {
            for (; t >= due_at && published < MAX_EVENTS; due_at += gap)
                publish(due_at);
            wait = due_at - now();
        }
    }
    window_close();
}

static void run_cursors(int64_t warm_until, int64_t end)
{
    int64_t due_at = now(), gap = nanoseconds(1 / (options.rate * options.connections));
    for (int64_t t; (t = now()) < end; poll_for(due_at - now())) {
        if (!window.open && t >= warm_until)
            window_open();
        for (; t >= due_at && published < MAX_EVENTS; due_at += gap)
            point(due_at);
    }
    window_close();
}

static void run_requests(void (*ask)(Connection *), int64_t warm_until, int64_t end)
{
    still_asking = true;
    for (unsigned i = 0; i < connection_count; i++)
        ask(&connections[i]);
    poll_until(warm_until);
    window_open();
    poll_until(end);
    still_asking = false;
    window_close();
}

static uint64_t expected(void)
{
    if (options.mode == CURSOR)
        return (uint64_t)published * (options.connections - 1);
    return has_subscribers() ? (uint64_t)published * options.connections : totals.asked;
}

/* Waits for what is under way, then a moment longer: a repeated message would come last. */
static void drain(void)
{
    uint64_t before = totals.answered;
    int64_t deadline = now() + DRAIN_SECONDS * SECOND;
    while (totals.answered + totals.replaced < expected() && now() < deadline) {
        poll_for(SECOND);
        if (totals.answered != before) {
            before = totals.answered;
            deadline = now() + DRAIN_SECONDS * SECOND;
        }
    }
    poll_until(now() + SECOND / 5);
}

typedef struct { double connections_per_second; long rss_before_kb, rss_after_kb; } Setup;

static Setup run(void)
{
    Setup setup = {.rss_before_kb = server_rss_kb()};
    if (options.mode == CONNECT)
        window_open();
    setup.connections_per_second = connect_all();
    if (options.mode == CONNECT) {
        totals.asked = totals.answered = connection_count;
        window_close();
        poll_until(now() + SETTLE_SECONDS * SECOND);
        setup.rss_after_kb = server_rss_kb();
        return setup;
    }
    poll_until(now() + SECOND / 2);
    int64_t warm_until = now() + nanoseconds(options.warm), end = warm_until + nanoseconds(options.seconds);
    if (has_subscribers())
        run_events(warm_until, end);
    else if (options.mode == CURSOR)
        run_cursors(warm_until, end);
    else
        run_requests(options.mode == PING ? ask_ping : ask_update, warm_until, end);
    drain();
    setup.rss_after_kb = server_rss_kb();
    return setup;
}

/* ---- the result ---- */

static void print_number(const char *name, double value)
{
    if (isnan(value))
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":%.12g", name, value);
}

static bool report(const Setup *setup)
{
    uint64_t came = totals.answered + totals.replaced, lost = expected() > came ? expected() - came : 0;
    bool valid = !lost && !totals.duplicates && !totals.misordered && !totals.errors && totals.answered;
    bool events = published, connects = options.mode == CONNECT;
    double seconds = window_seconds();
    printf("{\"mode\":\"%s\",\"valid\":%s", mode_names[options.mode], valid ? "true" : "false");
    print_number("connections", options.connections);
    print_number("seconds", seconds);
    print_number("deliveries_per_s", events ? window.answered / seconds : NAN);
    print_number("events_per_s", connects ? NAN : (has_subscribers() ? window.events : window.answered) / seconds);
    print_number("p50_ms", latency_ms(0.50));
    print_number("p99_ms", latency_ms(0.99));
    print_number("max_ms", latency_ms(1));
    print_number("conn_per_s", setup->connections_per_second);
    print_number("kb_per_connection", connects && options.pid_count
                 ? (double)(setup->rss_after_kb - setup->rss_before_kb) / options.connections : NAN);
    print_number("rss_before_kb", options.pid_count ? setup->rss_before_kb : NAN);
    print_number("rss_after_kb", options.pid_count ? setup->rss_after_kb : NAN);
    print_number("expected", expected());
    print_number("received", totals.answered);
    print_number("replaced", totals.replaced);
    print_number("duplicates", totals.duplicates);
    print_number("misordered", totals.misordered);
    print_number("lost", lost);
    print_number("errors", totals.errors);
    print_number("other_messages", totals.other);
    print_number("client_cpu_percent", window.client_cpu);
    print_number("server_cpu_percent", options.pid_count ? window.server_cpu : NAN);
    printf("}\n");
    return valid;
}

/* ---- the command line ---- */

static unsigned split(char *list, char **items, unsigned limit)
{
    unsigned count = 0;
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (count == limit)
            die("more than %u items in a list", limit);
        items[count++] = item;
    }
    return count;
}

static void read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die("%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, file)) > 0 && options.token_count < MAX_TOKENS;) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line)
            options.tokens[options.token_count++] = strdup(line);
    }
    free(line);
    fclose(file);
}

static void read_pids(char *list)
{
    char *items[MAX_PIDS];
    options.pid_count = split(list, items, MAX_PIDS);
    for (unsigned i = 0; i < options.pid_count; i++)
        options.pids[i] = atoi(items[i]);
}

static void set_mode(const char *name)
{
    for (Mode mode = 0; mode < MODES; mode++)
        if (!strcmp(name, mode_names[mode]))
            options.mode = mode;
}

static void set_option(int option, char *value)
{
    switch (option) {
    case 'p': options.port = atoi(value); break;
    case 'm': set_mode(value); break;
    case 'n': options.connections = atoi(value); break;
    case 'w': options.outstanding = atoi(value); break;
    case 'x': options.parallel = atoi(value); break;
    case 'r': options.rate = atof(value); break;
    case 's': options.seconds = atof(value); break;
    case 'W': options.warm = atof(value); break;
    case 't': read_tokens(value); break;
    case 'T': options.publisher_token_count = split(value, options.publisher_tokens, MAX_LIST); break;
    case 'P': options.publishers = atoi(value); break;
    case 'c': options.channel = value; break;
    case 'k': options.kpi_count = split(value, options.kpis, MAX_LIST); break;
    case 'f': options.frames_per_event = atoi(value); break;
    case 'i': read_pids(value); break;
    default: die("see the head of wsload.c for what it does and main() for its options");
    }
}

static void check_options(void)
{
    if (options.mode == MODES)
        die("--mode fanout, rate, ping, connect, update or cursor");
    if (!options.port || !options.connections || !options.token_count)
        die("--port, --connections and --tokens are needed");
    if (options.mode == CURSOR && options.publishers > options.connections)
        die("--publishers are some of the --connections");
    bool sets_kpis = has_subscribers() || options.mode == UPDATE || (options.mode == CURSOR && options.publishers);
    if (sets_kpis && !options.kpi_count)
        die("--kpi is needed");
    if (has_subscribers() && (!*options.channel || !options.publishers || !options.outstanding))
        die("--channel, --publishers and --outstanding are needed");
    if (options.frames_per_event < 1 || options.frames_per_event > KINDS)
        die("--frames-per-event 1 or 2");
    if (!(options.rate > 0 && options.seconds > 0 && options.seconds <= 600 && options.warm >= 0 && options.warm <= 60))
        die("--rate above 0, --seconds up to 600, --warm up to 60");
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"mode", 1, 0, 'm'}, {"connections", 1, 0, 'n'}, {"outstanding", 1, 0, 'w'},
        {"parallel", 1, 0, 'x'}, {"rate", 1, 0, 'r'}, {"seconds", 1, 0, 's'}, {"warm", 1, 0, 'W'},
        {"tokens", 1, 0, 't'}, {"publisher-token", 1, 0, 'T'}, {"publishers", 1, 0, 'P'}, {"channel", 1, 0, 'c'},
        {"kpi", 1, 0, 'k'}, {"frames-per-event", 1, 0, 'f'}, {"pid", 1, 0, 'i'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        set_option(option, optarg);
    check_options();
    /* Whatever goes wrong, the load ends. */
    alarm((unsigned)(SETUP_SECONDS + options.warm + options.seconds + 60));
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare();
    Setup setup = run();
    return report(&setup) ? 0 : 2;
}
