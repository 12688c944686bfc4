/* Frames of RFC 6455 over non-blocking sockets: one thread, one epoll. */
#include "wsload.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)
/* Where others are measured beside those that get much, these are looked at often: a latency is the server's. */
#define FEW_BYTES (1 << 16)
#define FEW_EVENTS 16

static int epoll_fd, bystanders_fd;

static bool looks_often(void)
{
    return options.bystanders && (options.mode == RESUME || options.mode == SNAPSHOT);
}

void socket_prepare(void)
{
    epoll_fd = epoll_create1(0);
    bystanders_fd = epoll_create1(0);
}

void connection_watch(Connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

void connection_start(Connection *c)
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
    event.events = EPOLLIN;
    if (c->role == BYSTANDER)
        epoll_ctl(bystanders_fd, EPOLL_CTL_ADD, c->fd, &event);
}

void connection_close(Connection *c, const char *why, size_t length)
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
void send_bytes(Connection *c, const void *bytes, size_t length)
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

/* A message, as the dialect packs it. */
void send_text(Connection *c, const char *format, ...)
{
    static const char opening[] = "42[\"m\",";
    static char text[16384];
    size_t before = options.dialect == SOCKETIO ? sizeof opening - 1 : 0;
    va_list arguments;
    memcpy(text, opening, before);
    va_start(arguments, format);
    int length = vsnprintf(text + before, sizeof text - before - 1, format, arguments);
    va_end(arguments);
    if (length >= (int)(sizeof text - before - 1))
        die("a message of %d bytes is more than this client ever sends", length);
    if (before)
        text[before + length++] = ']';
    send_frame(c, 1, text, before + length);
}

size_t request_id(char *text, size_t size, const Connection *c)
{
    return snprintf(text, size, "%08x-%u-%u", nonce, c->index, c->request_number);
}

/* ---- receiving ---- */

static void take_ready_message(Connection *c, const Message *m, const char *text, size_t length)
{
    if (is(m->type, "ERROR") || is(m->type, "SYNC_ERROR") || is(m->type, "RATE_LIMIT") || is(m->type, "TOKEN_EXPIRED"))
        complain("connection %u: %.*s", c->index, length > 400 ? 400 : (int)length, text);
    else if (c->role == BYSTANDER)
        take_bystander_pong(c, m);
    else if (options.mode == PING && is(m->type, "PONG"))
        take_answer(c, m, ask_ping);
    else if (options.mode == UPDATE && is(m->type, "KPI_UPDATED") && m->request_id.length)
        take_answer(c, m, ask_update);
    else if ((options.mode == CURSOR || options.mode == POINTERS) && is(m->type, "CURSOR_MOVE"))
        take_cursor(c, m, text, length);
    else if (options.mode == JOIN && is(m->type, "SESSION_JOINED"))
        take_joined(c, m);
    else if (options.mode == RESUME || options.mode == SNAPSHOT)
        take_replayed(c, m);
    else if (!has_subscribers() || c->role != MEMBER || !take_new_event(c, m, text, length))
        totals.other++;
}

/* What another connection has read already. */
static bool take_known(Connection *c, const char *text, size_t length)
{
    if (has_subscribers())
        return take_known_event(c, text, length);
    return (options.mode == CURSOR || options.mode == POINTERS) && take_known_cursor(c, text, length);
}

static void take_message(Connection *c, const char *text, size_t length)
{
    if (c->role == MEMBER && c->stage == READY && take_known(c, text, length))
        return;
    Message m = read_message(text, length);
    if (is(m.type, "PING"))
        send_text(c, "{\"type\":\"PONG\"}");
    else if (c->stage != READY)
        take_setup_message(c, &m, text, length);
    else
        take_ready_message(c, &m, text, length);
}

/* Engine.IO's own packets are answered here; a message is 42["m",{...}]. */
static void take_socketio(Connection *c, const char *text, size_t length)
{
    if (length >= 8 && !memcmp(text, "42[\"m\",", 7))
        take_message(c, text + 7, length - 8);
    else if (length == 1 && *text == '2')
        send_frame(c, 1, "3", 1);
    else if (c->stage == OPENING && length && *text == '0')
        send_frame(c, 1, "40", 2);
    else if (c->stage == OPENING && length >= 2 && !memcmp(text, "40", 2))
        take_opening(c);
    else
        complain("connection %u: not understood: %.*s", c->index, length > 100 ? 100 : (int)length, text);
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
    } else if (first_byte == 0x81 && options.dialect == SOCKETIO)
        take_socketio(c, payload, length);
    else if (first_byte == 0x81)
        take_message(c, payload, length);
    else if (opcode != 10)  /* compression was not offered; no server here splits a message or sends binary */
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
    size_t most = looks_often() ? FEW_BYTES : READ_BYTES;
    buffer_reserve(&shared, c->unread.length + most);
    memcpy(shared.bytes, c->unread.bytes ? c->unread.bytes : "", c->unread.length);
    ssize_t received = recv(c->fd, shared.bytes + c->unread.length, most, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        const char *why = received ? strerror(errno) : "without a close frame";
        connection_close(c, why, strlen(why));
        return;
    }
    size_t length = c->unread.length + received;
    totals.bytes += received;
    c->unread.length = 0;
    size_t taken = take_bytes(c, shared.bytes, length);
    if (c->stage != CLOSED && taken < length)
        buffer_set(&c->unread, shared.bytes + taken, length - taken);
}

static void take_event(const struct epoll_event *event)
{
    Connection *c = event->data.ptr;
    if (c->stage == CONNECTING)
        send_upgrade(c);
    else if (c->stage != CLOSED) {
        if (event->events & EPOLLOUT)
            send_unsent(c);
        if (c->stage != CLOSED && event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            connection_read(c);
    }
}

/* Handles what is there, waiting for at most so long. */
void poll_for(int64_t wait)
{
    static struct epoll_event events[2048];
    wait = wait < 0 ? 0 : wait > SECOND / 50 ? SECOND / 50 : wait;
    struct timespec timeout = {0, wait}, none = {0, 0};
    int count = epoll_pwait2(epoll_fd, events, looks_often() ? FEW_EVENTS : 2048, &timeout, NULL);
    for (int i = 0; i < count; i++)
        take_event(&events[i]);
    if (looks_often()) {
        count = epoll_pwait2(bystanders_fd, events, 2048, &none, NULL);
        for (int i = 0; i < count; i++)
            if (((Connection *)events[i].data.ptr)->stage != CONNECTING)
                take_event(&events[i]);
    }
}

void poll_until(int64_t end)
{
    while (now() < end)
        poll_for(end - now());
}
