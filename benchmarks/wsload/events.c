/* Modes fanout and rate: events from publishers to all members. */
#include "wsload.h"

uint32_t published, completed;
int64_t *published_at;

typedef struct { Buffer text; Event event; } Memo;

static uint32_t *frames_missing;        /* [event], over all subscribers */
static uint64_t *sequence_of;           /* [event], plus one; 0: not seen yet */

bool has_subscribers(void) { return options.mode == FANOUT || options.mode == RATE; }

void events_prepare(void)
{
    published_at = allocate(MAX_EVENTS + 1, sizeof *published_at);
    frames_missing = allocate(MAX_EVENTS + 1, sizeof *frames_missing);
    sequence_of = allocate(MAX_EVENTS + 1, sizeof *sequence_of);
    for (unsigned i = 0; i < options.connections; i++)
        connections[i].windows = allocate(KINDS * options.publishers, sizeof *connections[i].windows);
}

static void send_event(Connection *c, const char *kpi, uint32_t event)
{
    char id[64];
    c->request_number = event;
    request_id(id, sizeof id, c);
    if (options.dialect == RAW)  /* the server passes on what it is sent */
        send_text(c, "{\"type\":\"SYNC_UPDATE\",\"payload\":{\"entityType\":\"kpi\",\"entityId\":\"%s\","
                  "\"changeType\":\"updated\",\"data\":{\"id\":\"%s\",\"name\":\"Monthly Revenue\",\"value\":%u,"
                  "\"target\":1500000.0,\"updatedAt\":\"2026-01-20T10:35:00Z\"},\"updatedBy\":\"user-1\"},"
                  "\"timestamp\":\"2026-01-20T10:35:00Z\"}", kpi, kpi, event);
    else
        send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%u},\"requestId\":\"%s\"}",
                  kpi, event, id);
}

void publish(int64_t due_at)
{
    uint32_t event = ++published;
    unsigned publisher = event % options.publishers;
    published_at[event] = due_at;
    frames_missing[event] = options.connections * options.frames_per_event;
    send_event(&connections[options.connections + publisher], kpi_of(publisher), event);
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
        histogram_record(&latency, now() - published_at[e->number]);
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

bool take_known_event(Connection *c, const char *text, size_t length)
{
    Memo *memo = &memos[c->events_read % MEMOS];
    if (memo->text.length != length || !length || memcmp(memo->text.bytes, text, length))
        return false;
    c->events_read++;
    take_event(c, &memo->event);
    return true;
}

bool take_new_event(Connection *c, const Message *m, const char *text, size_t length)
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

static bool may_publish(void)
{
    return published < MAX_EVENTS &&
           (published < options.outstanding || !frames_missing[published + 1 - options.outstanding]);
}

/* The time to the next event: a tenth more or less, or the kernel, which counts a core's time by looking at it every
 * few milliseconds, would look at the same place of each period. */
static int64_t step(int64_t gap)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return gap * 9 / 10 + (int64_t)(gap / 5 * (state / 4294967296.0));
}

void run_events(int64_t warm_until, int64_t end)
{
    int64_t due_at = now(), gap = nanoseconds(1 / options.rate), wait = SECOND;
    for (int64_t t; (t = now()) < end; poll_for(wait)) {
        if (!window.open && t >= warm_until)
            window_open();
        if (options.mode == FANOUT)
            while (may_publish())
                publish(now());
        else {
            for (; t >= due_at && published < MAX_EVENTS; due_at += step(gap))
                publish(due_at);
            wait = due_at - now();
        }
    }
    window_close();
}
