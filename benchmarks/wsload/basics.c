/* Errors, time, memory. */
#include "wsload.h"
#include <stdarg.h>
#include <time.h>

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* Counted, and the first few told: a thousand equal lines help nobody. */
void complain(const char *format, ...)
{
    if (totals.errors++ >= 5)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

int64_t nanoseconds(double seconds) { return (int64_t)(seconds * SECOND); }

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        die("out of memory");
    return memory;
}

void buffer_reserve(Buffer *b, size_t capacity)
{
    if (capacity <= b->capacity)
        return;
    b->bytes = realloc(b->bytes, capacity);
    if (!b->bytes)
        die("out of memory");
    b->capacity = capacity;
}

void buffer_set(Buffer *b, const char *bytes, size_t length)
{
    buffer_reserve(b, length);
    memcpy(b->bytes, bytes, length);
    b->length = length;
}

void buffer_append(Buffer *b, const void *bytes, size_t length)
{
    if (b->length + length > b->capacity)
        buffer_reserve(b, 2 * (b->length + length));
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}
