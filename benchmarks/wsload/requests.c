/* Modes ping and update: one request under way on each connection, so an answer is the expected one, a second one, or
 * wrong. */
#include "wsload.h"

bool still_asking;

void ask_ping(Connection *c)
{
    char id[64];
    c->request_number++;
    request_id(id, sizeof id, c);
    c->asked_at = now();
    totals.asked++;
    send_text(c, "{\"type\":\"PING\",\"requestId\":\"%s\"}", id);
}

const char *kpi_of(unsigned index) { return options.kpis[index % options.kpi_count]; }

/* No two requests of a run carry the same value: a server that skips what does not change finds nothing to skip. */
static uint64_t update_value(const Connection *c)
{
    return (uint64_t)c->request_number * options.connections + c->index;
}

void ask_update(Connection *c)
{
    char id[64];
    c->request_number++;
    request_id(id, sizeof id, c);
    c->asked_at = now();
    totals.asked++;
    send_text(c, "{\"type\":\"KPI_UPDATE\",\"payload\":{\"kpiId\":\"%s\",\"value\":%llu},\"requestId\":\"%s\"}",
              kpi_of(c->index), (unsigned long long)update_value(c), id);
}

void take_answer(Connection *c, const Message *m, void (*ask)(Connection *))
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
        histogram_record(&latency, now() - c->asked_at);
    c->asked_at = 0;
    if (still_asking)
        ask(c);
}

void run_requests(void (*ask)(Connection *), int64_t warm_until, int64_t end)
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
