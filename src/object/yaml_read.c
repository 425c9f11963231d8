/* YAML to trees, as sigs.k8s.io/yaml turns it into JSON: YAML 1.1 scalars, merge keys, limits on
 * aliases. */
#include <yaml.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "object/json.h"
#include "object/seal.h"
#include "object/yaml.h"

struct anchor {
    struct node *node;
    bool open; /* its end has not come: an alias to it would contain itself */
};

enum {
    SHORT_TEXTS = 256, /* a power of two */
    SHORT_TEXT_BYTES = 24,
    CROWDED_MAP = 1 << 16 /* members from which on repeated names are looked for on the way */
};

struct reader {
    struct arena *arena;
    struct status *st;
    yaml_parser_t parser;
    struct map anchors; /* name -> struct anchor, arena */
    int depth;
    size_t nodes;       /* all, those made by aliases included */
    size_t alias_nodes; /* those */
    bool notes;         /* whether repeated names are to be told of */
    struct buf lines;   /* uint32_t each: of the values of the maps that are open, if notes */
    struct buf note;    /* text about repeated names so far */
    struct str short_texts[SHORT_TEXTS]; /* arena; last ones by hash: the same names and words come
                                            again and again */
};

static int read_node(struct reader *r, yaml_event_t *event, struct node **ret);

static int fail(struct reader *r, const char *text)
{
    return status_set(r->st, REASON_BAD_REQUEST, "yaml: %s", text);
}

static int parse_failure(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    size_t line = p->problem_mark.line ? p->problem_mark.line + (p->error == YAML_SCANNER_ERROR)
                                       : p->context_mark.line;
    if (line)
        return status_set(r->st, REASON_BAD_REQUEST, "yaml: line %zu: %s", line,
                          p->problem ? p->problem : "unknown problem");
    return fail(r, p->problem ? p->problem : "unknown problem parsing YAML content");
}

static int next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? 0 : parse_failure(r);
}

/* How much of a document may come from aliases: nearly all of a small one, little of a large one.
 */
static int count_node(struct reader *r, bool by_alias)
{
    r->nodes++;
    r->alias_nodes += by_alias;
    if (r->alias_nodes <= 100 || r->nodes <= 1000)
        return 0;
    double allowed =
        r->nodes <= LIMIT_YAML_NODES_LOW ? LIMIT_YAML_ALIASES_LOW / 100.0
        : r->nodes >= LIMIT_YAML_NODES_HIGH
            ? LIMIT_YAML_ALIASES_HIGH / 100.0
            : (LIMIT_YAML_ALIASES_LOW - (LIMIT_YAML_ALIASES_LOW - LIMIT_YAML_ALIASES_HIGH) *
                                            (double)(r->nodes - LIMIT_YAML_NODES_LOW) /
                                            (LIMIT_YAML_NODES_HIGH - LIMIT_YAML_NODES_LOW)) /
                  100;
    if ((double)r->alias_nodes / (double)r->nodes > allowed)
        return fail(r, "document contains excessive aliasing");
    return 0;
}

static int copy_counted(struct reader *r, const struct node *n, struct node **ret)
{
    struct node *copy = arena_dup(r->arena, n, sizeof(*n)), *child;
    if (count_node(r, true) < 0)
        return -1;
    if (n->kind == NODE_LIST) {
        copy->list.items = arena_array(r->arena, struct node *, n->list.count);
        copy->list.cap = n->list.count;
        for (uint32_t i = 0; i < n->list.count; i++) {
            if (copy_counted(r, n->list.items[i], &child) < 0)
                return -1;
            copy->list.items[i] = child;
        }
    } else if (n->kind == NODE_MAP) {
        copy->map.members = arena_array(r->arena, struct member, n->map.count);
        copy->map.cap = n->map.count;
        for (uint32_t i = 0; i < n->map.count; i++) {
            if (copy_counted(r, n->map.members[i].value, &child) < 0)
                return -1;
            copy->map.members[i] = (struct member){n->map.members[i].name, child};
        }
    }
    *ret = copy;
    return 0;
}

static int read_alias(struct reader *r, const char *name, struct node **ret)
{
    struct anchor *anchor = map_get(&r->anchors, str_from(name));
    if (!anchor)
        return status_set(r->st, REASON_BAD_REQUEST, "yaml: unknown anchor '%s' referenced", name);
    if (anchor->open)
        return status_set(r->st, REASON_BAD_REQUEST, "yaml: anchor '%s' value contains itself",
                          name);
    return copy_counted(r, anchor->node, ret);
}

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_is(s, *words))
            return true;
    return false;
}

/* Digits of a base with an optional sign in front; false when they are no number that fits 64 bits.
 */
static bool parse_base(struct str digits, int base, bool negative, struct node *n)
{
    uint64_t value = 0;
    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        char c = (char)tolower((unsigned char)digits.data[i]);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base || mul_overflows(value, (uint64_t)base, &value) ||
            add_overflows(value, (uint64_t)digit, &value))
            return false;
    }
    if (negative ? value <= (uint64_t)INT64_MAX + 1 : value <= INT64_MAX) {
        n->kind = NODE_INT;
        n->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
        return true;
    }
    n->kind = NODE_DOUBLE;
    n->number = (double)value;
    return !negative;
}

/* Go's ParseInt with base 0: 0x, 0o, 0b, 0 and decimal. */
static bool parse_integer(struct str text, struct node *n)
{
    bool negative = text.data[0] == '-';
    if (text.data[0] == '-' || text.data[0] == '+')
        text = str_slice(text, 1, text.len);
    if (text.len > 2 && text.data[0] == '0') {
        struct str digits = str_slice(text, 2, text.len);
        switch (text.data[1]) {
        case 'x':
        case 'X': return parse_base(digits, 16, negative, n);
        case 'o':
        case 'O': return parse_base(digits, 8, negative, n);
        case 'b':
        case 'B': return parse_base(digits, 2, negative, n);
        default: break;
        }
    }
    if (text.len > 1 && text.data[0] == '0')
        return parse_base(str_slice(text, 1, text.len), 8, negative, n);
    return parse_base(text, 10, negative, n);
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.len && isdigit((unsigned char)s.data[at]))
        at++;
    return at;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool looks_like_float(struct str s)
{
    size_t at = s.len && (s.data[0] == '-' || s.data[0] == '+'), from = at;
    at = skip_digits(s, at);
    bool whole = at > from;
    if (at < s.len && s.data[at] == '.') {
        size_t digits = skip_digits(s, at + 1) - (at + 1);
        if (!whole && !digits)
            return false;
        at += 1 + digits;
    } else if (!whole) {
        return false;
    }
    if (at < s.len && (s.data[at] == 'e' || s.data[at] == 'E')) {
        at++;
        if (at < s.len && (s.data[at] == '-' || s.data[at] == '+'))
            at++;
        size_t end = skip_digits(s, at);
        if (end == at)
            return false;
        at = end;
    }
    return at == s.len;
}

/* A whole float prints as an integer in JSON, and is read as one. */
static void set_float(struct node *n, double value)
{
    if (value > -9.2e18 && value < 9.2e18 && value == (double)(int64_t)value) {
        n->kind = NODE_INT;
        n->integer = (int64_t)value;
    } else {
        n->kind = NODE_DOUBLE;
        n->number = value;
    }
}

static struct str without_underscores(struct arena *a, struct str s)
{
    if (str_find(s, '_') < 0)
        return s;
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] != '_')
            out[len++] = s.data[i];
    return (struct str){out, len};
}

static double to_double(struct arena *a, struct str text)
{
    char small[64];
    if (text.len >= sizeof(small))
        return strtod(arena_cstr(a, text), NULL);
    memcpy(small, text.data, text.len);
    small[text.len] = 0;
    return strtod(small, NULL);
}

static bool resolve_number(struct arena *a, struct str text, struct node *n)
{
    struct str plain = text.data[0] == '.' ? text : without_underscores(a, text);
    if (plain.len == 0)
        return false;
    if (text.data[0] != '.' && parse_integer(plain, n))
        return true;
    if (!looks_like_float(plain))
        return false;
    double value = to_double(a, plain);
    if (__builtin_isinf(value))
        return false;
    set_float(n, value);
    return true;
}

/* What an unquoted scalar means; -1 for what JSON can't say. */
int yaml_resolve(struct arena *a, struct str text, struct node *n, const char **ret_fault)
{
    static const char *const yes[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                      "True", "TRUE", "on",  "On",  "ON",  NULL};
    static const char *const no[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const nothing[] = {"~", "null", "Null", "NULL", NULL};
    static const char *const odd[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF", "+.inf",
                                      "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", NULL};
    *n = (struct node){.kind = NODE_STRING, .text = text};
    if (text.len == 0 || is_one_of(text, nothing)) {
        *n = (struct node){.kind = NODE_NULL};
    } else if (is_one_of(text, yes) || is_one_of(text, no)) {
        *n = (struct node){.kind = NODE_BOOL, .boolean = is_one_of(text, yes)};
    } else if (is_one_of(text, odd)) {
        *ret_fault = tolower((unsigned char)text.data[1]) == 'n' ? "json: unsupported value: NaN"
                     : text.data[0] == '-'                       ? "json: unsupported value: -Inf"
                                                                 : "json: unsupported value: +Inf";
        return -1;
    } else if (strchr("+-.0123456789", text.data[0]) && !resolve_number(a, text, n)) {
        *n = (struct node){.kind = NODE_STRING, .text = text};
    }
    return 0;
}

static bool has_tag(const char *tag, const char *name)
{
    return tag && strncmp(tag, "tag:yaml.org,2002:", 18) == 0 && strcmp(tag + 18, name) == 0;
}

/* Text in the arena, well-formed. */
static struct str keep_text(struct reader *r, struct str text)
{
    if (text.len == 0)
        return STR("");
    if (text.len > SHORT_TEXT_BYTES)
        return utf8_mend(r->arena, arena_str(r->arena, text));
    struct str *last = &r->short_texts[str_hash(text) & (SHORT_TEXTS - 1)];
    if (str_equal(*last, text))
        return *last;
    struct str kept = utf8_mend(r->arena, arena_str(r->arena, text));
    if (kept.len == text.len)
        *last = kept;
    return kept;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct node *n)
{
    const char *tag = (const char *)event->data.scalar.tag, *fault;
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    *n = (struct node){.kind = NODE_STRING};
    if (has_tag(tag, "binary")) {
        size_t bad;
        uint8_t *bytes = arena_alloc(r->arena, json_base64_decoded_max(text.len));
        text = utf8_mend(r->arena, text);
        ssize_t size = json_base64_decode(bytes, text, &bad);
        if (size < 0)
            return fail(r, "!!binary value contains invalid base64 data");
        n->text = utf8_mend(r->arena, (struct str){(char *)bytes, (size_t)size});
        return 0;
    }
    bool typed = has_tag(tag, "int") || has_tag(tag, "float") || has_tag(tag, "bool") ||
                 has_tag(tag, "null");
    if (!typed && (tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)) {
        n->text = keep_text(r, text);
        return 0;
    }
    if (yaml_resolve(r->arena, text, n, &fault) < 0)
        return status_set(r->st, REASON_BAD_REQUEST, "%s", fault);
    if (n->kind == NODE_STRING)
        n->text = keep_text(r, text);
    bool fits = !typed || (has_tag(tag, "null") && n->kind == NODE_NULL) ||
                (has_tag(tag, "bool") && n->kind == NODE_BOOL) ||
                (has_tag(tag, "int") && n->kind == NODE_INT) ||
                (has_tag(tag, "float") && (n->kind == NODE_INT || n->kind == NODE_DOUBLE));
    if (!fits)
        return status_set(r->st, REASON_BAD_REQUEST, "yaml: cannot decode %s `%.*s` as a !!%s",
                          n->kind == NODE_STRING ? "!!str" : "scalar", STR_ARG(text), tag + 18);
    return 0;
}

/* Keys of any scalar kind become text. */
static int key_text(struct reader *r, const struct node *key, struct str *ret)
{
    char number[JSON_NUMBER_BYTES];
    switch ((enum node_kind)key->kind) {
    case NODE_STRING: *ret = key->text; return 0;
    case NODE_BOOL: *ret = key->boolean ? STR("true") : STR("false"); return 0;
    case NODE_INT:
        *ret = arena_str(r->arena, (struct str){number, json_print_int(number, key->integer)});
        return 0;
    case NODE_DOUBLE:
        *ret = arena_str(r->arena, (struct str){number, json_print_double(number, key->number)});
        return 0;
    case NODE_NULL:
        return status_set(r->st, REASON_BAD_REQUEST, "unsupported map key of type: %%!s(<nil>)");
    default: return fail(r, "invalid map key");
    }
}

static int merge_into(struct reader *r, struct node *map, const struct node *from)
{
    if (node_is(from, NODE_LIST)) {
        /* The first one wins, so it is merged last. */
        for (uint32_t i = from->list.count; i--;) {
            if (!node_is(from->list.items[i], NODE_MAP))
                return fail(r, "map merge requires map or sequence of maps as the value");
            if (merge_into(r, map, from->list.items[i]) < 0)
                return -1;
        }
        return 0;
    }
    if (!node_is(from, NODE_MAP))
        return fail(r, "map merge requires map or sequence of maps as the value");
    for (uint32_t i = 0; i < from->map.count; i++)
        json_add_member(r->arena, map, from->map.members[i].name, from->map.members[i].value);
    return 0;
}

/* One note for each member whose name was there before, with the line of its value, as go-yaml
 * words it. */
static void note_duplicates(struct reader *r, const struct node *map, const bool *repeated,
                            const uint32_t *lines)
{
    for (uint32_t i = 0; i < map->map.count && r->note.len < LIMIT_FAULT_BYTES; i++) {
        struct str name = map->map.members[i].name;
        if (!repeated[i])
            continue;
        buf_printf(&r->note, "%s\n  line %u: key ",
                   r->note.len ? "" : "yaml: unmarshal errors:", lines[i] + 1);
        json_write_text(&r->note, name.data, name.len, false);
        buf_puts(&r->note, " already set in map");
    }
}

/* The map that is being read. */
struct open_map {
    struct node *node;
    struct gathered_members members;
    size_t lines;     /* where those of its values begin */
    uint32_t crowded; /* members at which repeated names are dropped before the end */
    bool merged;
};

/* Tells of repeated names and leaves the last of each. */
static void drop_repeated(struct reader *r, struct open_map *m)
{
    struct node *map = m->node;
    if (r->notes && !m->merged && map->map.count > 1) {
        bool *repeated = mem_alloc(map->map.count);
        if (json_mark_duplicates(map, repeated) > 0) {
            note_duplicates(r, map, repeated, (uint32_t *)(void *)(r->lines.data + m->lines));
            json_drop_duplicates(map);
        }
        mem_free(repeated);
    } else {
        json_drop_duplicates(map);
    }
    /* Lines are told of those that come again only, so the first ones' no longer count. */
    if (r->notes)
        r->lines.len = m->lines + map->map.count * sizeof(uint32_t);
}

static int read_value_of(struct reader *r, struct open_map *m, bool merge, struct str name)
{
    yaml_event_t event;
    struct node *value;
    if (next_event(r, &event) < 0)
        return -1;
    uint32_t line = (uint32_t)event.start_mark.line;
    if (r->notes && !merge)
        buf_append(&r->lines, &line, sizeof(line));
    if (read_node(r, &event, &value) < 0)
        return -1;
    if (merge) {
        m->merged = true;
        members_gathered(r->arena, &m->members, m->node);
        return merge_into(r, m->node, value);
    }
    gather_member(r->arena, &m->members, m->node, (struct member){name, value});
    if (m->node->map.count < m->crowded)
        return 0;
    drop_repeated(r, m);
    m->crowded = MAX((uint32_t)CROWDED_MAP, m->node->map.count * 2);
    return 0;
}

/* The name of a member, text of its own kept; takes the event. */
static int read_key(struct reader *r, yaml_event_t *event, struct str *ret)
{
    struct node scalar, *key = &scalar;
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
        return read_node(r, event, &key) < 0 ? -1 : key_text(r, key, ret);
    int err = count_node(r, false) < 0 ? -1 : read_scalar(r, event, key);
    yaml_event_delete(event);
    return err < 0 ? -1 : key_text(r, key, ret);
}

static int read_map(struct reader *r, struct node *map)
{
    struct open_map m;
    m.node = map;
    m.members.count = 0;
    m.lines = r->lines.len;
    m.crowded = CROWDED_MAP;
    m.merged = false;
    for (;;) {
        yaml_event_t event;
        struct node *ignored;
        struct str name = STR_NONE;
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        bool merge = event.type == YAML_SCALAR_EVENT &&
                     event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                     strcmp((const char *)event.data.scalar.value, "<<") == 0;
        int err = merge ? read_node(r, &event, &ignored) : read_key(r, &event, &name);
        if (err < 0 || read_value_of(r, &m, merge, name) < 0)
            return -1;
    }
    members_gathered(r->arena, &m.members, map);
    drop_repeated(r, &m);
    r->lines.len = m.lines;
    return 0;
}

static int read_list(struct reader *r, struct node *list)
{
    struct gathered_items items;
    items.count = 0;
    for (;;) {
        yaml_event_t event;
        struct node *item;
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            items_gathered(r->arena, &items, list);
            return 0;
        }
        if (read_node(r, &event, &item) < 0)
            return -1;
        gather_item(r->arena, &items, list, item);
    }
}

static struct anchor *open_anchor(struct reader *r, const yaml_char_t *name, struct node *n)
{
    if (!name)
        return NULL;
    struct anchor *anchor = arena_new(r->arena, struct anchor);
    *anchor = (struct anchor){.node = n, .open = true};
    map_put(&r->anchors, str_from((const char *)name), anchor);
    return anchor;
}

/* Takes the event, deletes it. */
static int read_node(struct reader *r, yaml_event_t *event, struct node **ret)
{
    struct node *n = arena_new(r->arena, struct node);
    struct anchor *anchor = NULL;
    int err = ++r->depth > LIMIT_DEPTH
                  ? status_set(r->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth")
                  : 0;
    if (err == 0)
        err = count_node(r, false);
    yaml_event_type_t type = event->type;
    if (err == 0 && type == YAML_ALIAS_EVENT)
        err = read_alias(r, (const char *)event->data.alias.anchor, &n);
    else if (err == 0 && type == YAML_SCALAR_EVENT) {
        anchor = open_anchor(r, event->data.scalar.anchor, n);
        err = read_scalar(r, event, n);
    } else if (err == 0 && type == YAML_SEQUENCE_START_EVENT) {
        anchor = open_anchor(r, event->data.sequence_start.anchor, n);
        n->kind = NODE_LIST;
    } else if (err == 0) {
        anchor = open_anchor(r, event->data.mapping_start.anchor, n);
        n->kind = NODE_MAP;
    }
    yaml_event_delete(event);
    if (err == 0 && type == YAML_SEQUENCE_START_EVENT)
        err = read_list(r, n);
    else if (err == 0 && type == YAML_MAPPING_START_EVENT)
        err = read_map(r, n);
    if (anchor)
        anchor->open = false;
    r->depth--;
    *ret = n;
    return err;
}

/* The next document, or *ret_end at the end of the stream. */
static int read_document(struct reader *r, struct node **ret, bool *ret_end)
{
    for (;;) {
        yaml_event_t event;
        if (next_event(r, &event) < 0)
            return -1;
        switch (event.type) {
        case YAML_STREAM_END_EVENT:
            *ret_end = true;
            yaml_event_delete(&event);
            return 0;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: yaml_event_delete(&event); break;
        default: *ret_end = false; return read_node(r, &event, ret);
        }
    }
}

static void reader_open(struct reader *r, struct arena *a, struct str text, struct status *st)
{
    *r = (struct reader){.arena = a, .st = st};
    yaml_parser_initialize(&r->parser);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.data ? text.data : ""),
                                 text.len);
}

static void reader_close(struct reader *r)
{
    yaml_parser_delete(&r->parser);
    map_release(&r->anchors);
    buf_release(&r->lines);
    buf_release(&r->note);
}

static void add_note(struct reader *r, struct decode_notes *notes)
{
    if (!notes || !r->note.len)
        return;
    notes->texts = arena_new(r->arena, struct str);
    notes->texts[0] = arena_str(r->arena, buf_str(&r->note));
    notes->count = 1;
}

int yaml_read(struct arena *a, struct str text, struct node **ret, struct decode_notes *notes,
              struct status *st)
{
    struct reader r;
    bool end = false;
    reader_open(&r, a, text, st);
    r.notes = notes != NULL;
    int err = read_document(&r, ret, &end);
    if (err == 0 && end)
        *ret = node_null(a);
    if (err == 0)
        add_note(&r, notes);
    reader_close(&r);
    return err;
}

int yaml_parse(struct arena *a, struct str text, struct node **ret, struct status *st)
{
    return yaml_read(a, text, ret, NULL, st);
}

int yaml_parse_all(struct arena *a, struct str text, struct node ***ret_documents,
                   size_t *ret_count, struct status *st)
{
    struct reader r;
    struct node *documents = node_list(a);
    int err;
    reader_open(&r, a, text, st);
    for (bool end = false;;) {
        struct node *n;
        err = read_document(&r, &n, &end);
        if (err < 0 || end)
            break;
        /* Each document stands for itself: its own anchors and counts. */
        map_release(&r.anchors);
        r.anchors = (struct map)MAP_INIT;
        r.nodes = r.alias_nodes = 0;
        node_append(a, documents, n);
    }
    reader_close(&r);
    if (err == 0) {
        *ret_documents = documents->list.items;
        *ret_count = documents->list.count;
    }
    return err;
}
