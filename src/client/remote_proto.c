#include "client/remote_proto.h"

#include <errno.h>

#include "base/limits.h"
#include "object/wire.h"

enum {
    FRAME_HEAD_BYTES = 4,
    EVENT_TYPE = 1,
    EVENT_OBJECT = 2,
    EXTENSION_RAW = 1,
    UNKNOWN_TYPE_META = 1,
    UNKNOWN_RAW = 2,
    TYPE_META_KIND = 2,
    LIST_METADATA = 1,
    LIST_ITEMS = 2,
    LIST_META_REVISION = 2,
    FIELDS_WANTED = 2 /* of every message above */
};

/* The texts of fields 1 and 2; a field that comes again replaces what came before. */
struct pair {
    struct str fields[FIELDS_WANTED + 1];
};

static bool take_varint(struct str *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = (uint8_t)rest->data[i];
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *rest = str_slice(*rest, i + 1, rest->len);
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct str *rest, uint64_t size, struct str *ret)
{
    if (size > rest->len)
        return false;
    *ret = str_slice(*rest, 0, size);
    *rest = str_slice(*rest, size, rest->len);
    return true;
}

/* Takes the next field off: its number and, when it is bytes, those (data NULL when it is not). */
static bool take_field(struct str *rest, uint64_t *ret_number, struct str *ret)
{
    uint64_t key, value;
    struct str skipped;
    *ret = STR_NONE;
    if (!take_varint(rest, &key) || key >> 3 == 0)
        return false;
    *ret_number = key >> 3;
    switch (key & 7) {
    case WIRE_VARINT: return take_varint(rest, &value);
    case WIRE_FIXED64: return take_bytes(rest, 8, &skipped);
    case WIRE_FIXED32: return take_bytes(rest, 4, &skipped);
    case WIRE_BYTES: return take_varint(rest, &value) && take_bytes(rest, value, ret);
    default: return false;
    }
}

static bool read_pair(struct str message, struct pair *ret)
{
    *ret = (struct pair){0};
    while (message.len) {
        uint64_t number;
        struct str bytes;
        if (!take_field(&message, &number, &bytes))
            return false;
        if (number <= FIELDS_WANTED)
            ret->fields[number] = bytes;
    }
    return true;
}

int proto_next_event(struct str *bytes, struct proto_event *ret)
{
    struct pair event, extension;
    if (bytes->len < FRAME_HEAD_BYTES)
        return 0;
    const uint8_t *head = (const uint8_t *)bytes->data;
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size > LIMIT_WATCH_EVENT_BYTES)
        return -EMSGSIZE;
    if (bytes->len - FRAME_HEAD_BYTES < size)
        return 0;
    struct str frame = str_slice(*bytes, FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + size);
    if (!read_pair(frame, &event) || !read_pair(event.fields[EVENT_OBJECT], &extension))
        return -EBADMSG;
    *bytes = str_slice(*bytes, FRAME_HEAD_BYTES + size, bytes->len);
    *ret = (struct proto_event){event.fields[EVENT_TYPE], extension.fields[EXTENSION_RAW]};
    return 1;
}

/* The whole message is walked, so that items can be taken without fear. */
int proto_list_open(struct str document, struct proto_list *ret)
{
    struct pair envelope, type_meta, list, metadata;
    if (document.len < 4 || memcmp(document.data, "k8s\0", 4) != 0 ||
        !read_pair(str_slice(document, 4, document.len), &envelope) ||
        !read_pair(envelope.fields[UNKNOWN_TYPE_META], &type_meta) ||
        !read_pair(envelope.fields[UNKNOWN_RAW], &list) ||
        !read_pair(list.fields[LIST_METADATA], &metadata))
        return -EBADMSG;
    uint64_t revision;
    if (str_to_u64(metadata.fields[LIST_META_REVISION], &revision) < 0)
        revision = 0;
    *ret = (struct proto_list){type_meta.fields[TYPE_META_KIND], revision,
                               envelope.fields[UNKNOWN_RAW]};
    return 0;
}

bool proto_list_next(struct proto_list *list, struct str *ret_item)
{
    uint64_t number;
    while (list->remaining.len) {
        bool sound = take_field(&list->remaining, &number, ret_item);
        assert(sound); /* proto_list_open has walked it */
        if (number == LIST_ITEMS && ret_item->data)
            return true;
    }
    return false;
}
