/* Trees to YAML in the style of sigs.k8s.io/yaml: keys in its natural order, block style, lists not
 * indented. */
#include <yaml.h>

#include <stdlib.h>

#include "object/json.h"
#include "object/seal.h"
#include "object/yaml.h"

struct emitter {
    yaml_emitter_t emitter;
    struct arena arena;
};

static int write_bytes(void *out, unsigned char *data, size_t size)
{
    buf_append(out, data, size);
    return 1;
}

/* Every event is well-formed and the writer can't fail, so neither can the emitter. */
static void emit(struct emitter *e, yaml_event_t *event)
{
    int done = yaml_emitter_emit(&e->emitter, event);
    assert(done);
}

static void emit_scalar(struct emitter *e, struct str text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int done = yaml_scalar_event_initialize(&event, NULL, NULL,
                                            (const yaml_char_t *)(text.data ? text.data : ""),
                                            (int)text.len, 1, 1, style);
    assert(done);
    emit(e, &event);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$ : quoted, because YAML 1.1 takes it for a
 * number of base 60. */
static bool is_base_60(struct str s)
{
    size_t at = s.len && (s.data[0] == '-' || s.data[0] == '+'), groups = 0;
    if (at >= s.len || !is_digit(s.data[at]))
        return false;
    while (at < s.len && (is_digit(s.data[at]) || s.data[at] == '_'))
        at++;
    while (at + 1 < s.len && s.data[at] == ':' && is_digit(s.data[at + 1])) {
        bool two = at + 2 < s.len && is_digit(s.data[at + 2]) && s.data[at + 1] <= '5';
        at += two ? 3 : 2;
        groups++;
    }
    if (groups && at < s.len && s.data[at] == '.') {
        at++;
        while (at < s.len && (is_digit(s.data[at]) || s.data[at] == '_'))
            at++;
    }
    return groups && at == s.len;
}

static int small_number(const char *digits, size_t len)
{
    int value = 0;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (digits[i] - '0');
    return value;
}

/* What Go's resolver takes for a timestamp: it is quoted. */
static bool is_timestamp(struct str s)
{
    size_t at = 0, parts = 0;
    while (at < s.len && is_digit(s.data[at]))
        at++;
    if (at != 4)
        return false;
    for (; parts < 2 && at < s.len && s.data[at] == '-'; parts++) {
        size_t from = ++at;
        while (at < s.len && at - from < 2 && is_digit(s.data[at]))
            at++;
        if (at == from)
            return false;
        int value = small_number(s.data + from, at - from);
        if (value < 1 || value > (parts ? 31 : 12))
            return false;
    }
    if (parts < 2)
        return false;
    if (at == s.len)
        return true;
    char separator = s.data[at++];
    if (separator != 'T' && separator != 't' && separator != ' ')
        return false;
    for (int i = 0; i < 3; i++) {
        size_t from = at;
        while (at < s.len && at - from < 2 && is_digit(s.data[at]))
            at++;
        if (at == from || small_number(s.data + from, at - from) > (i ? 59 : 23))
            return false;
        if (i < 2 && (at >= s.len || s.data[at++] != ':'))
            return false;
    }
    if (at < s.len && s.data[at] == '.')
        for (at++; at < s.len && is_digit(s.data[at]);)
            at++;
    if (separator == ' ')
        return at == s.len;
    if (at + 1 == s.len)
        return s.data[at] == 'Z';
    return at + 6 == s.len && (s.data[at] == '+' || s.data[at] == '-') && s.data[at + 3] == ':';
}

static void write_text(struct emitter *e, struct str text)
{
    struct node meaning;
    const char *fault;
    bool plain = yaml_resolve(&e->arena, text, &meaning, &fault) == 0 &&
                 meaning.kind == NODE_STRING && !is_base_60(text) && !is_timestamp(text) &&
                 !str_is(text, "<<");
    yaml_scalar_style_t style = str_find(text, '\n') >= 0 ? YAML_LITERAL_SCALAR_STYLE
                                : plain                   ? YAML_PLAIN_SCALAR_STYLE
                                                          : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    emit_scalar(e, text, style);
}

/* As Go's FormatFloat(value, 'g', -1, 64). */
static void write_double(struct emitter *e, double value)
{
    char text[64];
    int precision = 1;
    for (; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        snprintf(text, sizeof(text), "%.*e", precision - 1, value);
    else
        snprintf(text, sizeof(text), "%.*f", MAX(precision - 1 - exponent, 0), value);
    emit_scalar(e, str_from(text), YAML_PLAIN_SCALAR_STYLE);
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static size_t digits_value(struct str s, size_t from, int64_t *value)
{
    size_t at = from;
    for (; at < s.len && is_digit(s.data[at]); at++)
        *value = (int64_t)((uint64_t)*value * 10 + (uint64_t)(s.data[at] - '0'));
    return at;
}

/* go-yaml's natural order: letters behind other characters, runs of digits by value. */
static int compare_keys(struct str a, struct str b)
{
    size_t i = 0, least = MIN(a.len, b.len);
    while (i < least && a.data[i] == b.data[i])
        i++;
    if (i == least)
        return a.len < b.len ? -1 : a.len > b.len;
    unsigned char left = (unsigned char)a.data[i], right = (unsigned char)b.data[i];
    bool left_letter = is_letter(left), right_letter = is_letter(right);
    if (left_letter && right_letter)
        return left < right ? -1 : 1;
    if (left_letter || right_letter)
        return right_letter ? -1 : 1;
    int64_t left_number = 0, right_number = 0;
    if (left == '0' || right == '0') {
        for (size_t j = i; j-- > 0 && is_digit(a.data[j]);) {
            if (a.data[j] != '0') {
                left_number = right_number = 1;
                break;
            }
        }
    }
    size_t left_end = digits_value(a, i, &left_number),
           right_end = digits_value(b, i, &right_number);
    if (left_number != right_number)
        return left_number < right_number ? -1 : 1;
    if (left_end != right_end)
        return left_end < right_end ? -1 : 1;
    return left < right ? -1 : 1;
}

static int compare_members(const void *a, const void *b)
{
    return compare_keys((*(const struct member *const *)a)->name,
                        (*(const struct member *const *)b)->name);
}

static void write_node(struct emitter *e, const struct node *n);

static void write_map(struct emitter *e, const struct node *n)
{
    yaml_event_t event;
    const struct member **sorted = arena_array(&e->arena, const struct member *, n->map.count);
    for (uint32_t i = 0; i < n->map.count; i++)
        sorted[i] = &n->map.members[i];
    qsort(sorted, n->map.count, sizeof(*sorted), compare_members);
    int done = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    assert(done);
    emit(e, &event);
    for (uint32_t i = 0; i < n->map.count; i++) {
        write_text(e, sorted[i]->name);
        write_node(e, sorted[i]->value);
    }
    yaml_mapping_end_event_initialize(&event);
    emit(e, &event);
}

static void write_list(struct emitter *e, const struct node *n)
{
    yaml_event_t event;
    int done =
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
    assert(done);
    emit(e, &event);
    for (uint32_t i = 0; i < n->list.count; i++)
        write_node(e, n->list.items[i]);
    yaml_sequence_end_event_initialize(&event);
    emit(e, &event);
}

static void write_node(struct emitter *e, const struct node *n)
{
    char number[JSON_NUMBER_BYTES];
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: emit_scalar(e, STR("null"), YAML_PLAIN_SCALAR_STYLE); break;
    case NODE_BOOL:
        emit_scalar(e, n->boolean ? STR("true") : STR("false"), YAML_PLAIN_SCALAR_STYLE);
        break;
    case NODE_INT:
        emit_scalar(e, (struct str){number, json_print_int(number, n->integer)},
                    YAML_PLAIN_SCALAR_STYLE);
        break;
    case NODE_DOUBLE: write_double(e, n->number); break;
    case NODE_STRING: write_text(e, n->text); break;
    case NODE_LIST: write_list(e, n); break;
    case NODE_MAP: write_map(e, n); break;
    }
}

void node_to_yaml(struct buf *out, const struct node *n)
{
    struct emitter e = {.arena = ARENA_INIT};
    yaml_event_t event;
    yaml_emitter_initialize(&e.emitter);
    yaml_emitter_set_output(&e.emitter, write_bytes, out);
    yaml_emitter_set_unicode(&e.emitter, 1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&e, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&e, &event);
    write_node(&e, n);
    yaml_document_end_event_initialize(&event, 1);
    emit(&e, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&e, &event);
    yaml_emitter_delete(&e.emitter);
    arena_release(&e.arena);
}
