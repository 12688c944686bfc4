/* wsload: a WebSocket load client that checks every message it receives.
 *
 * One thread, one epoll: the client must cost so little that the server's core is the one that saturates.
 * It speaks only to 127.0.0.1, opens a bounded number of connections and ends by itself.
 *
 *   gcc -O2 -Wall -Wextra -o wsload *.c -lm
 *
 * Modes
 *   fanout    closed loop: event i is published when every subscriber has event i - W. Nothing is dropped by
 *             asking too much, so the figure is what the server carries.
 *   rate      open loop: R events a second whatever the server does; latency counts from the moment an event
 *             was due, so a stalled server cannot hide behind a stalled client.
 *   ping      C connections, each with one PING under way.
 *   connect   C connections, P at a time, from connect() to AUTH_SUCCESS; then the server's memory.
 *   update    C connections, each with one KPI_UPDATE under way, until its own acknowledgement.
 *   cursor    C participants in rooms of --room-size, who each send R cursors a second, evenly spread: open loop. The
 *             first --publishers of them set a KPI with each. A cursor may be replaced by a later one, but everybody
 *             must get the last of everybody else in the room, and none behind a later one.
 *   pointers  the same closed: cursor i is sent when everybody else in the room has cursor i - W.
 *   join      C participants in rooms of --room-size: SESSION_JOIN, P at a time. In the end everybody must know of
 *             everybody in the room, from the answer to the own join or told later.
 *   resume    a publisher sets a KPI --events times; then all C members subscribe and ask for what came after the first:
 *             every event, once, in order.
 *   snapshot  all C members subscribe and ask for all: --entities KPIs, each once.
 *   idle      C members who have signed in and do nothing.
 *
 * --bystanders connections send PINGs during resume, snapshot and idle, --bystander-rate a second in all.
 *
 * Dialects: bos, the protocol; socketio, its messages as Socket.IO's; raw, for a server that passes on what it is sent:
 * members are there once they are connected, and publishers send what members shall receive.
 *
 * Every published value is the number of its event, 1, 2, 3 ...: what a subscriber sees shows what it has missed,
 * seen twice or seen too late. Exit code 0: valid; 1: could not run; 2: a message was lost, repeated, out of
 * order or refused, so the figures mean nothing, or the client was itself the limit (--max-client-percent), or others
 * ran on the server's core (--server-core, --max-wait-percent). One JSON object on standard output.
 */
#include "wsload.h"
#include "run.h"
#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

unsigned nonce;
Options options = {.mode = MODES, .connections = 100, .outstanding = 1, .parallel = 50, .publishers = 1,
                   .frames_per_event = 1, .events = 1000, .rate = 50, .bystander_rate = 50, .seconds = 5, .warm = 1,
                   .max_client_percent = 95, .max_wait_percent = 5, .server_core = -1, .path = "/v1/ws",
                   .publish_path = "", .channel = ""};

const char *const mode_names[MODES] = {"fanout", "rate", "ping", "connect", "update", "cursor", "pointers", "join",
                                       "resume", "snapshot", "idle"};
static const char *const dialect_names[DIALECTS] = {"bos", "socketio", "raw"};

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

static unsigned one_of(const char *name, const char *const *names, unsigned count)
{
    unsigned i = 0;
    while (i < count && strcmp(name, names[i]))
        i++;
    return i;
}

static void set_option(int option, char *value)
{
    switch (option) {
    case 'p': options.port = atoi(value); break;
    case 'm': options.mode = one_of(value, mode_names, MODES); break;
    case 'd': options.dialect = one_of(value, dialect_names, DIALECTS); break;
    case 'a': options.path = value; break;
    case 'A': options.publish_path = value; break;
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
    case 'C': options.server_core = atoi(value); break;
    case 'z': options.room_size = atoi(value); break;
    case 'e': options.events = atoi(value); break;
    case 'E': options.entities = atoi(value); break;
    case 'b': options.bystanders = atoi(value); break;
    case 'B': options.bystander_rate = atof(value); break;
    case 'q': options.bystander_token_count = split(value, options.bystander_tokens, MAX_LIST); break;
    case 'l': options.max_client_percent = atof(value); break;
    case 'L': options.max_wait_percent = atof(value); break;
    default: die("see the head of main.c for what it does and main() for its options");
    }
}

static const struct option names[] = {
    {"port", 1, 0, 'p'}, {"mode", 1, 0, 'm'}, {"dialect", 1, 0, 'd'}, {"path", 1, 0, 'a'}, {"publish-path", 1, 0, 'A'},
    {"connections", 1, 0, 'n'}, {"outstanding", 1, 0, 'w'}, {"parallel", 1, 0, 'x'}, {"rate", 1, 0, 'r'},
    {"seconds", 1, 0, 's'}, {"warm", 1, 0, 'W'}, {"tokens", 1, 0, 't'}, {"publisher-token", 1, 0, 'T'},
    {"publishers", 1, 0, 'P'}, {"channel", 1, 0, 'c'}, {"kpi", 1, 0, 'k'}, {"frames-per-event", 1, 0, 'f'},
    {"pid", 1, 0, 'i'}, {"server-core", 1, 0, 'C'}, {"room-size", 1, 0, 'z'}, {"events", 1, 0, 'e'},
    {"entities", 1, 0, 'E'}, {"bystanders", 1, 0, 'b'}, {"bystander-rate", 1, 0, 'B'}, {"bystander-token", 1, 0, 'q'},
    {"max-client-percent", 1, 0, 'l'}, {"max-wait-percent", 1, 0, 'L'}, {0}};

static void check_rooms(void)
{
    if (!options.room_size)
        options.room_size = options.connections;
    if (options.room_size < 2 || options.connections % options.room_size)
        die("--connections are whole rooms of --room-size, at least 2");
    if (options.mode == CURSOR && options.publishers > options.connections)
        die("--publishers are some of the --connections");
}

static void check_options(void)
{
    if (options.mode == MODES || options.dialect == DIALECTS)
        die("--mode is one of those in the head of main.c, --dialect bos, socketio or raw");
    if (!options.port || !options.connections || !options.token_count)
        die("--port, --connections and --tokens are needed");
    if (has_rooms())
        check_rooms();
    bool sets_kpis = has_subscribers() || options.mode == UPDATE || options.mode == RESUME ||
                     (options.mode == CURSOR && options.publishers);
    if (sets_kpis && !options.kpi_count)
        die("--kpi is needed");
    bool follows = has_subscribers() || options.mode == RESUME || options.mode == SNAPSHOT;
    if (follows && (!*options.channel || !options.publishers || !options.outstanding))
        die("--channel, --publishers and --outstanding are needed");
    if (options.mode == RESUME && options.publishers != 1)
        die("--publishers 1 makes the past that is resumed from");
    if (options.frames_per_event < 1 || options.frames_per_event > KINDS)
        die("--frames-per-event 1 or 2");
    if (!(options.rate > 0 && options.bystander_rate > 0 && options.seconds > 0 && options.seconds <= 600 &&
          options.warm >= 0 && options.warm <= 60))
        die("--rate and --bystander-rate above 0, --seconds up to 600, --warm up to 60");
}

int main(int argc, char **argv)
{
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        set_option(option, optarg);
    check_options();
    /* Whatever goes wrong, the load ends. */
    alarm((unsigned)(2 * SETUP_SECONDS + REPLAY_SECONDS + options.warm + options.seconds + 60));
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Setup setup = run();
    return report(&setup) ? 0 : 2;
}
