/* From connect() to ready: the upgrade, what the dialect has of its own, AUTH, and SUBSCRIBE or a place in a room. */
#include "wsload.h"
#include <sys/epoll.h>
#include <sys/socket.h>

Connection *connections;
unsigned connection_count, ready_count;

void become_ready(Connection *c)
{
    c->stage = READY;
    ready_count++;
}

static const char *token_of(const Connection *c)
{
    if (c->role == BYSTANDER && options.bystander_token_count)
        return options.bystander_tokens[c->index % options.bystander_token_count];
    if ((c->role == PUBLISHER || options.mode == UPDATE) && options.publisher_token_count)
        return options.publisher_tokens[c->index % options.publisher_token_count];
    return options.tokens[c->index % options.token_count];
}

void send_upgrade(Connection *c)
{
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
        die("connection %u: %s", c->index, strerror(error));
    char request[512];
    const char *path = c->role == PUBLISHER && *options.publish_path ? options.publish_path : options.path;
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        path, options.port, options.dialect == BOS ? "Sec-WebSocket-Protocol: bos-v1\r\n" : "");
    c->stage = UPGRADING;
    connection_watch(c, EPOLLIN);
    send_bytes(c, request, size);
}

/* Length of the answer to the upgrade, 0 while it is incomplete. */
size_t take_upgrade(Connection *c, const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (length < 12 || memcmp(bytes, "HTTP/1.1 101", 12) ||
        (options.dialect == BOS && !memmem(bytes, end - bytes, "bos-v1", 6)))
        die("connection %u: upgrade refused: %.*s", c->index, (int)(end - bytes), bytes);
    c->stage = OPENING;
    if (options.dialect == RAW)
        become_ready(c);
    else if (options.dialect == BOS)
        take_opening(c);
    return end + 4 - bytes;
}

void take_opening(Connection *c)
{
    c->stage = AUTHENTICATING;
    send_text(c, "{\"type\":\"AUTH\",\"payload\":{\"token\":\"%s\"},\"requestId\":\"auth\"}", token_of(c));
}

void take_setup_message(Connection *c, const Message *m, const char *text, size_t length)
{
    if (c->stage == AUTHENTICATING && is(m->type, "AUTH_SUCCESS")) {
        if (options.mode == CONNECT)
            histogram_record(&latency, now() - c->asked_at);
        c->asked_at = 0;
        if (c->role == MEMBER && has_rooms())
            enter_room(c);
        else if (c->role == MEMBER && has_subscribers()) {
            c->stage = SUBSCRIBING;
            send_text(c, "{\"type\":\"SUBSCRIBE\",\"payload\":{\"channels\":[\"%s\"]},\"requestId\":\"subscribe\"}",
                      options.channel);
        } else
            become_ready(c);
    } else if (c->stage == SUBSCRIBING && is(m->type, "SUBSCRIBED") &&
               memmem(text, length, options.channel, strlen(options.channel)))
        become_ready(c);
    else if (c->stage == MEETING && !is(m->type, "ERROR"))
        take_meeting(c, m);
    else if (c->stage != WAITING || is(m->type, "ERROR"))
        die("connection %u: refused: %.*s", c->index, length > 400 ? 400 : (int)length, text);
}

/* Opens all connections; returns how many a second became ready. */
double connect_all(void)
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
