/* Modes cursor, pointers and join: sessions of room_size people. Connection i is in room i / room_size, and the first
 * of each room creates it. */
#include "wsload.h"

#define SESSION_ID_SIZE 64

/* All in a room receive the same bytes: what was read once need only be compared. */
#define KNOWN 64
#define LOOK 3               /* one's own cursor is not among what one receives */
typedef struct { Buffer text; uint32_t number; unsigned of; } Cursor;
typedef struct { Cursor known[KNOWN]; uint64_t count; } Board;

static char (*sessions)[SESSION_ID_SIZE];   /* [room], its id once it has been created */
static Board *boards;                       /* [room] */
static uint32_t *viewers_missing;           /* [cursor], pointers only */

bool has_rooms(void) { return options.mode == CURSOR || options.mode == POINTERS || options.mode == JOIN; }

static unsigned rooms(void) { return options.connections / options.room_size; }
static unsigned room_of(unsigned index) { return index / options.room_size; }
static unsigned person_of(unsigned index) { return index % options.room_size; }

void rooms_prepare(void)
{
    sessions = allocate(rooms(), sizeof *sessions);
    boards = allocate(rooms(), sizeof *boards);
    published_at = allocate(MAX_EVENTS + 1, sizeof *published_at);
    if (options.mode == POINTERS)
        viewers_missing = allocate(MAX_EVENTS + 1, sizeof *viewers_missing);
    for (unsigned i = 0; i < options.connections; i++)
        connections[i].pointed = allocate(options.room_size, sizeof *connections[i].pointed);
}

/* ---- coming together ---- */

static void join(Connection *c)
{
    c->asked_at = now();
    send_text(c, "{\"type\":\"SESSION_JOIN\",\"payload\":{\"sessionId\":\"%s\"},\"requestId\":\"meet-%08x\"}",
              sessions[room_of(c->index)], nonce);
}

/* A member that has signed in: it creates its room, or joins it as soon as it is there. */
void enter_room(Connection *c)
{
    bool creates = !person_of(c->index);
    if (!creates && options.mode == JOIN) {
        become_ready(c);  /* joining is what will be measured */
        return;
    }
    c->stage = creates || *sessions[room_of(c->index)] ? MEETING : WAITING;
    if (creates)
        send_text(c, "{\"type\":\"SESSION_CREATE\",\"payload\":{\"title\":\"Room\",\"activeSpace\":\"bench\","
                  "\"maxParticipants\":%u},\"requestId\":\"meet-%08x\"}", options.room_size, nonce);
    else if (c->stage == MEETING)
        join(c);
}

void take_meeting(Connection *c, const Message *m)
{
    if (!m->request_id.length)
        return;  /* others who join */
    become_ready(c);
    if (person_of(c->index))
        return;
    unsigned room = room_of(c->index);
    snprintf(sessions[room], SESSION_ID_SIZE, "%.*s", (int)m->session_id.length, m->session_id.at);
    c->company = 1;
    totals.answered += options.mode == JOIN;
    for (unsigned i = c->index + 1; i < c->index + options.room_size; i++)
        if (connections[i].stage == WAITING) {
            connections[i].stage = MEETING;
            join(&connections[i]);
        }
}

/* ---- cursors ---- */

/* Everybody points once before anybody does again, and the rooms take turns: as evenly spread as in life. */
static unsigned pointer_of(uint32_t cursor)
{
    unsigned place = (cursor - 1) % options.connections;
    return place % rooms() * options.room_size + place / rooms();
}

static uint64_t cursor_of(uint32_t number, unsigned index)
{
    return (uint64_t)(number - 1) * options.connections + (uint64_t)person_of(index) * rooms() + room_of(index) + 1;
}

/* x tells which cursor of its sender it is, y whose. */
static void point(int64_t due_at)
{
    uint32_t cursor = ++published, number = (cursor - 1) / options.connections + 1;
    Connection *c = &connections[pointer_of(cursor)];
    published_at[cursor] = due_at;
    if (viewers_missing)
        viewers_missing[cursor] = options.room_size - 1;
    if (c->index < options.publishers)
        send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%u},"
                  "\"requestId\":\"%08x-%u-%u\"}", kpi_of(c->index), number, nonce, c->index, number);
    send_text(c, "{\"type\":\"CURSOR_MOVE\",\"payload\":{\"sessionId\":\"%s\","
              "\"position\":{\"x\":%u,\"y\":%u,\"z\":0}}}", sessions[room_of(c->index)], number, c->index);
}

static void see(Connection *c, uint32_t number, unsigned of)
{
    if (number < 1 || of >= options.connections || room_of(of) != room_of(c->index) || of == c->index ||
        cursor_of(number, of) > published) {
        complain("connection %u: cursor %u of %u was never sent to it", c->index, number, of);
        return;
    }
    uint32_t *last = &c->pointed[person_of(of)];
    if (number <= *last) {
        totals.duplicates += number == *last;
        totals.misordered += number < *last;
        return;
    }
    totals.replaced += number - *last - 1;
    totals.answered++;
    if (viewers_missing)
        for (uint32_t seen = *last + 1; seen <= number; seen++)
            viewers_missing[cursor_of(seen, of)]--;
    *last = number;
    uint64_t cursor = cursor_of(number, of);
    if (cursor >= window.first_event)
        histogram_record(&latency, now() - published_at[cursor]);
}

bool take_known_cursor(Connection *c, const char *text, size_t length)
{
    const Board *board = &boards[room_of(c->index)];
    for (uint64_t at = c->events_read; at < c->events_read + LOOK && at < board->count; at++) {
        const Cursor *known = &board->known[at % KNOWN];
        if (known->text.length == length && !memcmp(known->text.bytes, text, length)) {
            c->events_read = at + 1;
            see(c, known->number, known->of);
            return true;
        }
    }
    return false;
}

void take_cursor(Connection *c, const Message *m, const char *text, size_t length)
{
    Board *board = &boards[room_of(c->index)];
    Cursor *known = &board->known[board->count++ % KNOWN];
    buffer_set(&known->text, text, length);
    known->number = m->has_position ? (uint32_t)m->x : 0;
    known->of = (unsigned)m->y;
    c->events_read = board->count;
    see(c, known->number, known->of);
}

uint64_t cursors_expected(void) { return (uint64_t)published * (options.room_size - 1); }

void run_cursors(int64_t warm_until, int64_t end)
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

static bool may_point(void)
{
    return published < MAX_EVENTS &&
           (published < options.outstanding || !viewers_missing[published + 1 - options.outstanding]);
}

void run_pointers(int64_t warm_until, int64_t end)
{
    for (int64_t t; (t = now()) < end; poll_for(SECOND)) {
        if (!window.open && t >= warm_until)
            window_open();
        while (may_point())
            point(now());
    }
    window_close();
}

/* ---- joins ---- */

static void know(Connection *c, uint64_t more)
{
    c->company += more;
    totals.answered += more;
    if (c->company > options.room_size)
        totals.duplicates += c->company - options.room_size;
}

/* The joiner's own copy shows everybody who is there, itself included; later ones are told one by one. */
void take_joined(Connection *c, const Message *m)
{
    if (!m->request_id.length) {
        know(c, 1);
        return;
    }
    if (!c->asked_at) {
        totals.duplicates++;
        return;
    }
    histogram_record(&latency, now() - c->asked_at);
    c->asked_at = 0;
    completed++;
    know(c, m->participants);
}

uint64_t joins_expected(void) { return (uint64_t)options.connections * options.room_size; }

/* Everybody but the hosts joins, so many at once as may be under way; the rooms take turns. */
void run_joins(void)
{
    unsigned joiners = options.connections - rooms(), asked = 0;
    int64_t deadline = now() + SETUP_SECONDS * SECOND;
    window_open();
    while (completed < joiners && now() < deadline) {
        while (asked < joiners && asked - completed < options.parallel) {
            unsigned person = asked / rooms() + 1, room = asked % rooms();
            join(&connections[room * options.room_size + person]);
            asked++;
        }
        poll_for(SECOND);
    }
    window_close();
}
