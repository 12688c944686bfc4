/* What the parts of the load client share. main.c says what the client does and how it is called. */
#ifndef WSLOAD_H
#define WSLOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define MAX_EVENTS 4000000   /* of one run; the tables are only touched as far as they are used */
#define MAX_PIDS 32
#define MAX_LIST 64          /* KPIs, publisher tokens */
#define MAX_TOKENS 65536
#define SETUP_SECONDS 120
#define DRAIN_SECONDS 5      /* without a single delivery: what has not come by then is lost */
#define SETTLE_SECONDS 2     /* before memory is read: the server's last work on a connection is over */
#define REPLAY_SECONDS 180   /* the longest that resumes and snapshots are waited for */

typedef enum { FANOUT, RATE, PING, CONNECT, UPDATE, CURSOR, POINTERS, JOIN, RESUME, SNAPSHOT, IDLE, MODES } Mode;
typedef enum { BOS, SOCKETIO, RAW, DIALECTS } Dialect;
typedef enum { CONNECTING, UPGRADING, OPENING, AUTHENTICATING, SUBSCRIBING, WAITING, MEETING, READY, CLOSED } Stage;
typedef enum { MEMBER, PUBLISHER, BYSTANDER } Role;
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
    Role role;
    Buffer unread, unsent;
    uint64_t events_read;     /* events or cursors so far: where what others have read of the next one lies */
    uint64_t last_sequence;
    Window *windows;          /* [kind][publisher] */
    uint32_t *pointed;        /* [person of the room], the last cursor seen of each */
    uint64_t *shown;          /* one bit for each entity that a snapshot has shown */
    uint32_t updates_read;    /* of the replay under way */
    uint32_t company;         /* how many of its room it knows of, itself included */
    uint32_t request_number;
    int64_t asked_at;
} Connection;

typedef struct {
    Slice type, request_id, entity_type, entity_id, session_id;
    bool has_sequence, has_value, has_position;
    uint64_t sequence, participants;
    double value, x, y;
} Message;

typedef struct { Kind kind; uint32_t number; bool has_sequence; uint64_t sequence; } Event;

typedef struct {
    int port;
    Mode mode;
    Dialect dialect;
    unsigned connections, outstanding, parallel, publishers, frames_per_event, room_size, events, entities, bystanders;
    double rate, bystander_rate, seconds, warm, max_client_percent, max_wait_percent;
    const char *path, *publish_path, *channel;
    char *kpis[MAX_LIST], *publisher_tokens[MAX_LIST], *bystander_tokens[MAX_LIST], *tokens[MAX_TOKENS];
    unsigned kpi_count, publisher_token_count, bystander_token_count, token_count;
    int pids[MAX_PIDS], server_core;
    unsigned pid_count;
} Options;

typedef struct {
    uint64_t asked, answered;           /* deliveries, PONGs, acknowledgements, joins, replays */
    uint64_t replaced;                  /* cursors that a later one has come instead of */
    uint64_t duplicates, misordered, errors, other, bytes;
    uint64_t pinged, ponged;            /* by the bystanders */
} Totals;

/* The measured time. */
typedef struct {
    bool open;
    int64_t started, ended;
    uint64_t answered, events, bytes;
    uint32_t first_event;
    /* At its start seconds, then percent of its length. */
    double client_cpu, client_wait, server_cpu, server_wait, core_busy, core_steal;
} Measured;

/* 128 buckets for every power of two microseconds, so a percentile is right to 1 %. */
#define FINE 128
typedef struct { uint64_t buckets[FINE * 40]; } Histogram;

extern Options options;
extern Totals totals;
extern Measured window;
extern Histogram latency, bystander_latency;
extern const char *const mode_names[MODES];
extern Connection *connections;
extern unsigned connection_count, ready_count;
extern unsigned nonce;                  /* request ids of another run must not look like retries of this one */
extern uint32_t published, completed;
extern int64_t *published_at;           /* [event or cursor], when it was due */
extern bool still_asking;

/* basics.c */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t now(void);
int64_t nanoseconds(double seconds);
void *allocate(size_t count, size_t size);
void buffer_reserve(Buffer *b, size_t capacity);
void buffer_set(Buffer *b, const char *bytes, size_t length);
void buffer_append(Buffer *b, const void *bytes, size_t length);

/* measure.c */
void histogram_record(Histogram *h, int64_t elapsed);
double histogram_ms(const Histogram *h, double quantile);
long server_rss_kb(void);
void window_open(void);
void window_close(void);
double window_seconds(void);
double waited_percent(void);

/* json.c */
bool is(Slice slice, const char *text);
Message read_message(const char *text, size_t length);

/* socket.c */
void socket_prepare(void);
void connection_start(Connection *c);
void connection_watch(Connection *c, uint32_t events);
void connection_close(Connection *c, const char *why, size_t length);
void send_bytes(Connection *c, const void *bytes, size_t length);
void send_text(Connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t request_id(char *text, size_t size, const Connection *c);
void poll_for(int64_t wait);
void poll_until(int64_t end);

/* setup.c */
void send_upgrade(Connection *c);
size_t take_upgrade(Connection *c, const char *bytes, size_t length);
void take_opening(Connection *c);
void take_setup_message(Connection *c, const Message *m, const char *text, size_t length);
void become_ready(Connection *c);
double connect_all(void);

/* requests.c */
void ask_ping(Connection *c);
void ask_update(Connection *c);
void take_answer(Connection *c, const Message *m, void (*ask)(Connection *));
const char *kpi_of(unsigned index);
void run_requests(void (*ask)(Connection *), int64_t warm_until, int64_t end);

/* events.c */
bool has_subscribers(void);
void events_prepare(void);
void publish(int64_t due_at);
bool take_known_event(Connection *c, const char *text, size_t length);
bool take_new_event(Connection *c, const Message *m, const char *text, size_t length);
void run_events(int64_t warm_until, int64_t end);

/* rooms.c */
bool has_rooms(void);
void rooms_prepare(void);
void enter_room(Connection *c);
void take_meeting(Connection *c, const Message *m);
bool take_known_cursor(Connection *c, const char *text, size_t length);
void take_cursor(Connection *c, const Message *m, const char *text, size_t length);
void take_joined(Connection *c, const Message *m);
uint64_t cursors_expected(void);
uint64_t joins_expected(void);
void run_cursors(int64_t warm_until, int64_t end);
void run_pointers(int64_t warm_until, int64_t end);
void run_joins(void);

/* replay.c */
void replay_prepare(void);
void take_replayed(Connection *c, const Message *m);
void run_replay(void);

/* bystanders.c */
void bystanders_step(void);
void take_bystander_pong(Connection *c, const Message *m);
void run_idle(int64_t warm_until, int64_t end);

#endif
