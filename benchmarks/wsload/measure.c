/* Latencies, and what the processes cost, from /proc. */
#include "wsload.h"
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

Measured window;
Histogram latency, bystander_latency;

void histogram_record(Histogram *h, int64_t elapsed)
{
    uint64_t microseconds = elapsed > 0 ? elapsed / 1000 : 0;
    unsigned shift = microseconds < 2 * FINE ? 0 : 63 - __builtin_clzll(microseconds) - 7;
    unsigned bucket = shift * FINE + (microseconds >> shift);
    h->buckets[bucket < FINE * 40 ? bucket : FINE * 40 - 1]++;
}

double histogram_ms(const Histogram *h, double quantile)
{
    uint64_t total = 0, passed = 0;
    for (unsigned i = 0; i < FINE * 40; i++)
        total += h->buckets[i];
    if (!total)
        return NAN;
    for (unsigned i = 0; i < FINE * 40; i++)
        if ((passed += h->buckets[i]) > quantile * total || passed == total) {
            unsigned shift = i < 2 * FINE ? 0 : i / FINE - 1;
            return (double)((uint64_t)(i - shift * FINE) << shift) / 1000;
        }
    return NAN;
}

static size_t read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = 0;
    return length;
}

static double server_cpu_seconds(void)
{
    double seconds = 0;
    for (unsigned i = 0; i < options.pid_count; i++) {
        char path[64], text[1024];
        unsigned long user = 0, system = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", options.pids[i]);
        if (!read_file(path, text, sizeof text))
            continue;
        char *after_name = strrchr(text, ')');  /* the name itself may hold spaces and parentheses */
        if (after_name)
            sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
        seconds += (double)(user + system) / sysconf(_SC_CLK_TCK);
    }
    return seconds;
}

/* How long a thread was ready to run and did not: the second figure of its schedstat, in nanoseconds. */
static double wait_seconds(const char *path)
{
    char text[128];
    unsigned long long waited = 0;
    if (read_file(path, text, sizeof text))
        sscanf(text, "%*u %llu", &waited);
    return (double)waited / SECOND;
}

static double server_wait_seconds(void)
{
    double seconds = 0;
    for (unsigned i = 0; i < options.pid_count; i++) {
        char path[320];
        snprintf(path, sizeof path, "/proc/%d/task", options.pids[i]);
        DIR *threads = opendir(path);
        for (struct dirent *thread; threads && (thread = readdir(threads));) {
            if (thread->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", options.pids[i], thread->d_name);
            seconds += wait_seconds(path);
        }
        if (threads)
            closedir(threads);
    }
    return seconds;
}

/* What the server's core did for any process, and what the host took of it. What the system does in interrupts is no
 * process's: it takes what is sent through the loopback there, a tenth of the time and more. */
static void core_seconds(double *busy, double *steal)
{
    char name[16], line[512];
    unsigned long long user = 0, nice = 0, system = 0, stolen = 0;
    int size = snprintf(name, sizeof name, "cpu%d ", options.server_core);
    FILE *file = options.server_core < 0 ? NULL : fopen("/proc/stat", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, size))
            sscanf(line + size, "%llu %llu %llu %*u %*u %*u %*u %llu", &user, &nice, &system, &stolen);
    if (file)
        fclose(file);
    *busy = (double)(user + nice + system) / sysconf(_SC_CLK_TCK);
    *steal = (double)stolen / sysconf(_SC_CLK_TCK);
}

long server_rss_kb(void)
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

void window_open(void)
{
    memset(&latency, 0, sizeof latency);
    memset(&bystander_latency, 0, sizeof bystander_latency);
    window.open = true;
    window.answered = totals.answered;
    window.bytes = totals.bytes;
    window.events = completed;
    window.first_event = published + 1;
    window.client_cpu = client_cpu_seconds();
    window.client_wait = wait_seconds("/proc/self/schedstat");
    window.server_cpu = server_cpu_seconds();
    window.server_wait = server_wait_seconds();
    core_seconds(&window.core_busy, &window.core_steal);
    window.started = now();
}

double window_seconds(void) { return (double)(window.ended - window.started) / SECOND; }

static double percent(double before, double after) { return (after - before) / window_seconds() * 100; }

void window_close(void)
{
    double busy, steal;
    window.open = false;
    window.ended = now();
    window.answered = totals.answered - window.answered;
    window.bytes = totals.bytes - window.bytes;
    window.events = completed - window.events;
    window.client_cpu = percent(window.client_cpu, client_cpu_seconds());
    window.client_wait = percent(window.client_wait, wait_seconds("/proc/self/schedstat"));
    window.server_cpu = percent(window.server_cpu, server_cpu_seconds());
    window.server_wait = percent(window.server_wait, server_wait_seconds());
    core_seconds(&busy, &steal);
    window.core_busy = percent(window.core_busy, busy);
    window.core_steal = percent(window.core_steal, steal);
}

/* How much of the time the server waited for others. The threads of a server wait for each other as well, which is
 * no fault of the run: what others had of its core bounds it. Where the core is not known (-1), the wait alone. */
double waited_percent(void)
{
    double others = window.core_busy - window.server_cpu;
    if (options.server_core < 0 || others > window.server_wait)
        others = window.server_wait;
    return (others > 0 ? others : 0) + window.core_steal;
}
