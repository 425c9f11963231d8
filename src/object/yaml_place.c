#include <yaml.h>

#include "base/limits.h"
#include "object/yaml_place.h"

struct reader {
    struct arena *arena;
    struct status *st;
    yaml_parser_t parser;
    const size_t *bytes; /* offset of each character; libyaml counts characters */
    size_t characters;
    int depth;
};

static int fail(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    return status_set(r->st, REASON_BAD_REQUEST, "line %zu, column %zu: %s",
                      p->problem_mark.line + 1, p->problem_mark.column + 1,
                      p->problem ? p->problem : "this is no YAML");
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? 0 : fail(r);
}

static size_t offset(const struct reader *r, const yaml_mark_t *mark)
{
    return r->bytes[MIN(mark->index, r->characters)];
}

static int read_value(struct reader *r, yaml_event_t *event, struct place **ret);

static void append(struct place *parent, struct place ***tail, struct place *child)
{
    child->parent = parent;
    **tail = child;
    *tail = &child->next;
    parent->count++;
}

/* Up to the end event; its mark counts for flow collections only. */
static int read_children(struct reader *r, struct place *p, yaml_event_type_t end)
{
    struct place **tail = &p->first;
    for (;;) {
        yaml_event_t event;
        struct place *key = NULL, *value;
        if (next_event(r, &event))
            return -1;
        if (event.type == end) {
            if (p->flow)
                p->end = offset(r, &event.end_mark);
            yaml_event_delete(&event);
            return 0;
        }
        struct str name = STR_NONE;
        if (p->kind == PLACE_MAP) {
            if (event.type == YAML_SCALAR_EVENT)
                name = arena_str(r->arena, (struct str){(const char *)event.data.scalar.value,
                                                        event.data.scalar.length});
            if (read_value(r, &event, &key) || next_event(r, &event))
                return -1;
        }
        if (read_value(r, &event, &value))
            return -1;
        if (key) {
            value->key = name;
            value->key_line = key->line;
            value->key_column = key->column;
            value->key_start = key->start;
        }
        append(p, &tail, value);
        if (!p->flow)
            p->end = MAX(p->end, value->end);
    }
}

/* Takes the event. */
static int read_value(struct reader *r, yaml_event_t *event, struct place **ret)
{
    struct place *p = arena_new(r->arena, struct place);
    *p = (struct place){.kind = PLACE_SCALAR,
                        .line = (unsigned)event->start_mark.line + 1,
                        .column = (unsigned)event->start_mark.column + 1,
                        .start = offset(r, &event->start_mark),
                        .end = offset(r, &event->end_mark)};
    yaml_event_type_t type = event->type;
    if (type == YAML_SEQUENCE_START_EVENT) {
        p->kind = PLACE_LIST;
        p->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    } else if (type == YAML_MAPPING_START_EVENT) {
        p->kind = PLACE_MAP;
        p->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    }
    yaml_event_delete(event);
    *ret = p;
    if (p->kind == PLACE_SCALAR)
        return 0;
    if (++r->depth > LIMIT_DEPTH)
        return status_set(r->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth");
    int err = read_children(
        r, p, p->kind == PLACE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
    r->depth--;
    return err;
}

/* Offsets of characters in UTF-8. */
static void index_characters(struct reader *r, struct str text)
{
    size_t *bytes = arena_array(r->arena, size_t, text.len + 1), count = 0;
    size_t at = str_starts(text, "\xEF\xBB\xBF") ? 3 : 0;
    for (; at < text.len; at++)
        if (((uint8_t)text.data[at] & 0xC0) != 0x80)
            bytes[count++] = at;
    bytes[count] = text.len;
    r->bytes = bytes;
    r->characters = count;
}

int yaml_places(struct arena *a, struct str text, struct place **ret, struct status *st)
{
    struct reader r = {.arena = a, .st = st};
    int err = 0;
    bool done = false;
    struct place *root = NULL;
    index_characters(&r, text);
    yaml_parser_initialize(&r.parser);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.data ? text.data : ""),
                                 text.len);
    while (!err && !done) {
        yaml_event_t event;
        err = next_event(&r, &event);
        if (err)
            break;
        done = event.type == YAML_STREAM_END_EVENT;
        if (done || event.type == YAML_STREAM_START_EVENT ||
            event.type == YAML_DOCUMENT_START_EVENT || event.type == YAML_DOCUMENT_END_EVENT) {
            yaml_event_delete(&event);
            continue;
        }
        err = read_value(&r, &event, &root);
        done = true;
    }
    yaml_parser_delete(&r.parser);
    if (!err)
        *ret = root;
    return err;
}

const struct place *place_member(const struct place *p, struct str key)
{
    if (!p || p->kind != PLACE_MAP)
        return NULL;
    const struct place *found = NULL;
    for (const struct place *child = p->first; child; child = child->next)
        if (str_equal(child->key, key))
            found = child;
    return found;
}

const struct place *place_item(const struct place *p, size_t index)
{
    if (!p || p->kind != PLACE_LIST)
        return NULL;
    const struct place *child = p->first;
    while (child && index--)
        child = child->next;
    return child;
}
