/* JSON: only as far as needed to read a member at its own depth; a search for '"value":' anywhere in the text would
 * also find it in a field of another meaning. */
#include "wsload.h"

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_string(const char *p, const char *end)
{
    for (p++; (p = memchr(p, '"', end - p)); p++) {
        const char *before = p;
        while (before[-1] == '\\')  /* the quotation mark that begins it is no backslash */
            before--;
        if ((p - before) % 2 == 0)
            return p + 1;
    }
    return end;
}

static const bool structural[256] = {['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true, [','] = true};

static const char *skip_value(const char *p, const char *end)
{
    if (p < end && *p == '"')
        return skip_string(p, end);
    int depth = 0;
    while (p < end) {
        if (!structural[(unsigned char)*p])
            p++;
        else if (*p == '"')
            p = skip_string(p, end);
        else {
            if (*p == '{' || *p == '[')
                depth++;
            else if (depth == 0)
                return p;
            else if (*p != ',')
                depth--;
            p++;
        }
    }
    return end;
}

/* Steps from an object's opening brace, or from behind a value in it, to the next member's value; false at its end,
 * where *at is behind it. */
static bool next_key(const char **at, const char *end, Slice *key)
{
    const char *p = skip_space(*at, end);
    *at = p < end ? p + 1 : end;
    if (p >= end || (*p != '{' && *p != ','))
        return false;
    p = skip_space(p + 1, end);
    if (p >= end || *p != '"') {
        *at = p < end ? p + 1 : end;  /* an empty object's end */
        return false;
    }
    const char *after = skip_string(p, end);
    *key = (Slice){p + 1, after - p - 2};
    p = skip_space(after, end);
    *at = p >= end ? end : skip_space(p + 1, end);
    return p < end && *p == ':';
}

static Slice take_value(const char **at, const char *end)
{
    const char *p = *at;
    *at = skip_value(p, end);
    return (Slice){p, *at - p};
}

static bool is_object(const char *p, const char *end) { return p < end && *p == '{'; }

bool is(Slice slice, const char *text)
{
    return slice.length == strlen(text) && !memcmp(slice.at, text, slice.length);
}

static Slice unquoted(Slice value)
{
    if (value.length >= 2 && value.at[0] == '"')
        return (Slice){value.at + 1, value.length - 2};
    return (Slice){value.at, 0};
}

static double number_of(Slice value)
{
    char text[64];
    size_t length = value.length < sizeof text - 1 ? value.length : sizeof text - 1;
    memcpy(text, value.at, length);
    text[length] = 0;
    return strtod(text, NULL);
}

static uint64_t elements_of(Slice array)
{
    const char *p = array.at, *end = array.at + array.length;
    uint64_t count = 0;
    for (p = skip_space(p + 1, end); p < end && *p != ']'; p = skip_space(p + (p < end && *p == ','), end)) {
        count++;
        p = skip_space(skip_value(p, end), end);
    }
    return count;
}

static const char *read_session(const char *at, const char *end, Message *message)
{
    Slice key;
    while (next_key(&at, end, &key)) {
        Slice value = take_value(&at, end);
        if (is(key, "participants") && value.length && *value.at == '[')
            message->participants = elements_of(value);
    }
    return at;
}

/* The payload, its 'data' (a KPI's value stands in the first in KPI_UPDATED, in the second in SYNC_UPDATE) or its
 * 'position'. Each byte is looked at once: a snapshot has some megabytes for each of many members. */
static const char *read_payload(const char *at, const char *end, Message *message)
{
    Slice key;
    while (next_key(&at, end, &key)) {
        bool nested = is_object(at, end);
        if (nested && is(key, "data")) {
            at = read_payload(at, end, message);
            continue;
        }
        if (nested && is(key, "position")) {
            message->has_position = true;
            at = read_payload(at, end, message);
            continue;
        }
        if (nested && is(key, "session")) {
            at = read_session(at, end, message);
            continue;
        }
        Slice value = take_value(&at, end);
        if (is(key, "kpiId") || is(key, "entityId"))
            message->entity_id = unquoted(value);
        else if (is(key, "entityType"))
            message->entity_type = unquoted(value);
        else if (is(key, "sessionId"))
            message->session_id = unquoted(value);
        else if (is(key, "x"))
            message->x = number_of(value);
        else if (is(key, "y"))
            message->y = number_of(value);
        else if (is(key, "sequence")) {
            message->has_sequence = true;
            message->sequence = (uint64_t)number_of(value);
        } else if (is(key, "value")) {
            message->has_value = true;
            message->value = number_of(value);
        }
    }
    return at;
}

Message read_message(const char *text, size_t length)
{
    Message message = {0};
    const char *at = text, *end = text + length;
    Slice key;
    while (next_key(&at, end, &key)) {
        if (is_object(at, end) && is(key, "payload")) {
            at = read_payload(at, end, &message);
            continue;
        }
        Slice value = take_value(&at, end);
        if (is(key, "type"))
            message.type = unquoted(value);
        else if (is(key, "requestId"))
            message.request_id = unquoted(value);
    }
    return message;
}
