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
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    if (p < end && *p == '"')
        return skip_string(p, end);
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
            return p;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
    }
    return end;
}

/* Steps to the object's next member; *at starts on the opening brace. */
static bool next_member(const char **at, const char *end, Slice *key, Slice *value)
{
    const char *p = skip_space(*at, end);
    if (p >= end || (*p != '{' && *p != ','))
        return false;
    p = skip_space(p + 1, end);
    if (p >= end || *p != '"')
        return false;
    const char *after = skip_string(p, end);
    *key = (Slice){p + 1, after - p - 2};
    p = skip_space(after, end);
    if (p >= end || *p != ':')
        return false;
    p = skip_space(p + 1, end);
    after = skip_value(p, end);
    *value = (Slice){p, after - p};
    *at = skip_space(after, end);
    return true;
}

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

static uint64_t participants_of(Slice session)
{
    const char *at = session.at, *end = session.at + session.length;
    Slice key, value;
    while (next_member(&at, end, &key, &value))
        if (is(key, "participants") && value.length && *value.at == '[')
            return elements_of(value);
    return 0;
}

/* The payload, its 'data' (a KPI's value stands in the first in KPI_UPDATED, in the second in SYNC_UPDATE) or its
 * 'position'. */
static void read_payload(Slice object, Message *message)
{
    const char *at = object.at, *end = object.at + object.length;
    Slice key, value;
    while (next_member(&at, end, &key, &value)) {
        if (is(key, "kpiId") || is(key, "entityId"))
            message->entity_id = unquoted(value);
        else if (is(key, "entityType"))
            message->entity_type = unquoted(value);
        else if (is(key, "session"))
            message->participants = participants_of(value);
        else if (is(key, "sessionId"))
            message->session_id = unquoted(value);
        else if (is(key, "position") && value.length && *value.at == '{') {
            message->has_position = true;
            read_payload(value, message);
        } else if (is(key, "x"))
            message->x = number_of(value);
        else if (is(key, "y"))
            message->y = number_of(value);
        else if (is(key, "sequence")) {
            message->has_sequence = true;
            message->sequence = (uint64_t)number_of(value);
        } else if (is(key, "value")) {
            message->has_value = true;
            message->value = number_of(value);
        } else if (is(key, "data") && value.length && *value.at == '{')
            read_payload(value, message);
    }
}

Message read_message(const char *text, size_t length)
{
    Message message = {0};
    const char *at = text, *end = text + length;
    Slice key, value;
    while (next_member(&at, end, &key, &value)) {
        if (is(key, "type"))
            message.type = unquoted(value);
        else if (is(key, "requestId"))
            message.request_id = unquoted(value);
        else if (is(key, "payload"))
            read_payload(value, &message);
    }
    return message;
}
