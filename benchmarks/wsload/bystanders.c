/* Others on the same server: PINGs at a fixed rate, whatever the server does meanwhile. */
#include "wsload.h"

#define MAX_PINGS 1000000

static int64_t *ping_due;               /* [PING], 0 once it has been answered */
static int64_t next_due;

static void send_due(int64_t due_at)
{
    unsigned number = ++totals.pinged;
    ping_due[number] = due_at;
    send_text(&connections[connection_count - 1 - number % options.bystanders],
              "{\"type\":\"PING\",\"requestId\":\"%u\"}", number);
}

/* Sends what is due; a latency counts from then. */
void bystanders_step(void)
{
    int64_t gap = nanoseconds(1 / options.bystander_rate), t = now();
    if (!options.bystanders)
        return;
    if (!ping_due) {
        ping_due = allocate(MAX_PINGS + 1, sizeof *ping_due);
        next_due = t;
    }
    for (; t >= next_due && totals.pinged < MAX_PINGS; next_due += gap)
        send_due(next_due);
}

void take_bystander_pong(Connection *c, const Message *m)
{
    unsigned number = (unsigned)strtoul(m->request_id.length ? m->request_id.at : "0", NULL, 10);
    if (!is(m->type, "PONG")) {
        totals.other++;
        return;
    }
    if (number < 1 || number > totals.pinged || !ping_due[number]) {
        complain("connection %u: PONG %u was not asked for", c->index, number);
        return;
    }
    totals.ponged++;
    histogram_record(&bystander_latency, now() - ping_due[number]);
    ping_due[number] = 0;
}

/* The members do nothing: what do they cost the others? */
void run_idle(int64_t warm_until, int64_t end)
{
    for (int64_t t; (t = now()) < end; poll_for(SECOND / 200)) {
        if (!window.open && t >= warm_until)
            window_open();
        bystanders_step();
    }
    window_close();
}
