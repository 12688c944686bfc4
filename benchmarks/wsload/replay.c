/* Modes resume and snapshot: all members ask at once for what they have missed, or for all that there is. */
#include "wsload.h"

#define AT_ONCE 64           /* events under way while the past is made that is resumed from */
#define TABLE (1 << 17)      /* of entities, at most half full */

static uint64_t base_sequence;          /* of the change before the first event */
static uint32_t committed;
static char *known_ids[TABLE];
static uint32_t known_numbers[TABLE], known_count;

void replay_prepare(void)
{
    if (options.mode == SNAPSHOT)
        for (unsigned i = 0; i < options.connections; i++)
            connections[i].shown = allocate(TABLE / 128, sizeof *connections[i].shown);
}

/* ---- the past of a resume ---- */

static void set_value(Connection *c, uint32_t value)
{
    send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%u},\"requestId\":\"%08x-%u\"}",
              kpi_of(0), value, nonce, value);
}

static void take_committed(const Message *m)
{
    if (!is(m->type, "KPI_UPDATED") || !m->request_id.length) {
        totals.other++;
        return;
    }
    if (!committed++)
        base_sequence = m->sequence;
}

/* Event 0 tells where the log stands, 1 to E are what will have been missed. */
static void make_past(Connection *publisher)
{
    int64_t deadline = now() + SETUP_SECONDS * SECOND;
    uint32_t asked = 0;
    while (committed <= options.events && now() < deadline) {
        while (asked <= options.events && asked - committed < (committed ? AT_ONCE : 1))
            set_value(publisher, asked++);
        poll_for(SECOND);
    }
    if (committed <= options.events)
        die("only %u of %u events were committed", committed, options.events + 1);
    poll_until(now() + SECOND);
}

/* ---- what comes ---- */

static void take_missed(Connection *c, const Message *m)
{
    if (!is(m->entity_id, kpi_of(0)) || !m->has_value) {
        totals.other++;
        return;
    }
    uint32_t number = (uint32_t)m->value;
    if (number <= c->updates_read || m->sequence <= c->last_sequence)
        totals.duplicates += number == c->updates_read, totals.misordered += number != c->updates_read;
    else {
        totals.misordered += number != c->updates_read + 1;
        totals.answered++;
        c->updates_read = number;
        c->last_sequence = m->sequence;
    }
}

/* A small number for each id, the same for all members. */
static uint32_t number_of_entity(Slice id)
{
    uint64_t hash = 1469598103934665603ULL;
    for (size_t i = 0; i < id.length; i++)
        hash = (hash ^ (unsigned char)id.at[i]) * 1099511628211ULL;
    uint32_t place = hash % TABLE;
    while (known_ids[place] && (strlen(known_ids[place]) != id.length || memcmp(known_ids[place], id.at, id.length)))
        place = (place + 1) % TABLE;
    if (!known_ids[place]) {
        if (known_count == TABLE / 2)
            die("more than %d entities", TABLE / 2);
        known_ids[place] = strndup(id.at, id.length);
        known_numbers[place] = known_count++;
    }
    return known_numbers[place];
}

static void take_shown(Connection *c, const Message *m)
{
    if (!is(m->entity_type, "kpi")) {
        totals.other++;
        return;
    }
    uint32_t number = number_of_entity(m->entity_id);
    uint64_t bit = 1ULL << (number & 63);
    if (c->shown[number / 64] & bit) {
        totals.duplicates++;
        return;
    }
    c->shown[number / 64] |= bit;
    c->updates_read++;
    totals.answered++;
}

static void take_complete(Connection *c)
{
    if (!c->asked_at) {
        totals.duplicates++;
        return;
    }
    histogram_record(&latency, now() - c->asked_at);
    c->asked_at = 0;
    completed++;
}

void take_replayed(Connection *c, const Message *m)
{
    if (c->role == PUBLISHER)
        take_committed(m);
    else if (is(m->type, "SYNC_COMPLETE"))
        take_complete(c);
    else if (is(m->type, "SYNC_UPDATE") && options.mode == RESUME)
        take_missed(c, m);
    else if (is(m->type, "SYNC_UPDATE"))
        take_shown(c, m);
    else
        totals.other++;
}

/* ---- the run ---- */

static void ask_replay(Connection *c)
{
    char cursor[64] = "";
    if (options.mode == RESUME)
        snprintf(cursor, sizeof cursor, ",\"lastSequence\":%llu", (unsigned long long)base_sequence);
    c->last_sequence = base_sequence;
    c->asked_at = now();
    send_text(c, "{\"type\":\"SUBSCRIBE\",\"payload\":{\"channels\":[\"%s\"]},\"requestId\":\"subscribe\"}",
              options.channel);
    send_text(c, "{\"type\":\"SYNC_REQUEST\",\"payload\":{\"channels\":[\"%s\"]%s},\"requestId\":\"replay\"}",
              options.channel, cursor);
}

void run_replay(void)
{
    if (options.mode == RESUME)
        make_past(&connections[options.connections]);
    completed = 0;
    window_open();
    int64_t deadline = now() + REPLAY_SECONDS * SECOND;
    for (unsigned i = 0; i < options.connections; i++)
        ask_replay(&connections[i]);
    while (completed < options.connections && now() < deadline) {
        bystanders_step();
        poll_for(SECOND / 200);
    }
    window_close();
}
