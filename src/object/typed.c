#include "object/typed.h"

#include "base/limits.h"
#include "object/json.h"
#include "object/scalar.h"

struct str place_path(struct arena *a, const struct place *p)
{
    const struct place *steps[1024];
    size_t count = 0;
    for (; p && count < ARRAY_COUNT(steps); p = p->up)
        steps[count++] = p;
    struct buf path = BUF_INIT;
    while (count--) {
        const struct place *step = steps[count];
        if (!step->field && !step->key.data) {
            buf_printf(&path, "[%zu]", step->index);
            continue;
        }
        if (path.len)
            buf_putc(&path, '.');
        if (step->field)
            buf_append(&path, step->field->name, step->field->name_len);
        else
            buf_add(&path, step->key);
    }
    struct str text = arena_str(a, buf_str(&path));
    buf_release(&path);
    return text;
}

/* Takes one [] or map[...] off a Go type. */
static struct str element_type(struct str go)
{
    if (str_starts(go, "[]"))
        go = str_slice(go, 2, go.len);
    else if (str_starts(go, "map["))
        go = str_slice(go, (size_t)str_find(go, ']') + 1, go.len);
    if (str_starts(go, "*"))
        go = str_slice(go, 1, go.len);
    return go;
}

/* The named map and list types, whose elements Go's name doesn't show. */
static struct str named_element(struct str go)
{
    static const char *const elements[][2] = {{"v1.ResourceList", "resource.Quantity"},
                                              {"v1.ExtraValue", "string"},
                                              {"v1.Verbs", "string"}};
    for (size_t i = 0; i < ARRAY_COUNT(elements); i++)
        if (str_is(go, elements[i][0]))
            return str_from(elements[i][1]);
    return element_type(go);
}

struct str place_go_type(struct arena *a, const struct place *p, const struct schema_type *root)
{
    size_t levels = 0;
    for (; p && !p->field; p = p->up)
        levels++;
    if (!p)
        return arena_printf(a, "%s.%s", root->version, root->kind);
    struct str go = str_from(p->field->go_type);
    while (levels--)
        go = named_element(go);
    return go;
}

/* The Go structure that a type embeds and that has the field; NULL when the field is its own. Such
 * fields have a protobuf path of two steps. */
static const char *embedded_in(const struct schema_type *owner, const struct schema_field *f)
{
    static const struct {
        const char *owner, *embedded;
    } embedding[] = {
        {"Volume", "VolumeSource"},
        {"PersistentVolumeSpec", "PersistentVolumeSource"},
        {"Probe", "ProbeHandler"},
        {"EphemeralContainer", "EphemeralContainerCommon"},
        {"IngressRule", "IngressRuleValue"},
        {"RuleWithOperations", "Rule"},
        {"NamedRuleWithOperations", "RuleWithOperations"},
        {"DeviceClaimConfiguration", "DeviceConfiguration"},
        {"DeviceClassConfiguration", "DeviceConfiguration"},
        {"DeviceAllocationConfiguration", "DeviceConfiguration"},
    };
    if (!f->numbers[1])
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(embedding); i++)
        if (strcmp(owner->kind, embedding[i].owner) == 0)
            return embedding[i].embedded;
    return strcmp(f->name, "name") == 0 ? "LocalObjectReference" : NULL;
}

int place_mismatch(struct status *st, const struct place *p, const struct schema_type *root,
                   const char *what, const char *go_type)
{
    struct arena *a = st->arena;
    struct str go = go_type ? str_from(go_type) : place_go_type(a, p, root);
    const struct schema_type *owner = NULL;
    struct str fields = STR_NONE;
    for (const struct place *at = p; at; at = at->up) {
        if (!at->field)
            continue;
        if (!owner)
            owner = at->owner;
        fields = fields.len ? arena_printf(a, "%s.%.*s", at->field->name, STR_ARG(fields))
                            : str_from(at->field->name);
        const char *embedded = at->owner ? embedded_in(at->owner, at->field) : NULL;
        if (embedded && at->field->numbers[2]) /* embeds what embeds it */
            fields = arena_printf(a, "Rule.%.*s", STR_ARG(fields));
        if (embedded)
            fields = arena_printf(a, "%s.%.*s", embedded, STR_ARG(fields));
    }
    if (!owner)
        return status_set(st, REASON_BAD_REQUEST,
                          "json: cannot unmarshal %s into Go value of type %.*s", what,
                          STR_ARG(go));
    return status_set(st, REASON_BAD_REQUEST,
                      "json: cannot unmarshal %s into Go struct field %s.%.*s of type %.*s", what,
                      owner->kind, STR_ARG(fields), STR_ARG(go));
}

const char *node_kind_name(const struct node *n)
{
    static const char *const names[] = {"null",   "bool",  "number", "number",
                                        "string", "array", "object"};
    return names[n->kind];
}

static int mismatch(struct status *st, const struct place *p, const struct node *n,
                    const char *go_type)
{
    return place_mismatch(st, p, NULL, node_kind_name(n), go_type);
}

/* `number 1.5`: a number that the integer can't hold. */
static int bad_number(struct status *st, const struct place *p, const struct node *n,
                      const char *go_type)
{
    char text[16 + JSON_NUMBER_BYTES] = "number ";
    size_t len = 7;
    len += n->kind == NODE_INT ? json_print_int(text + len, n->integer)
                               : json_print_double(text + len, n->number);
    text[len] = 0;
    return place_mismatch(st, p, NULL, text, go_type);
}

static int read_integer(const struct schema_field *f, const struct node *n, const struct place *p,
                        struct scalar *ret, struct status *st)
{
    const char *go_type = f->kind == FIELD_INT_OR_STRING ? "int32" : NULL;
    if (n->kind == NODE_DOUBLE)
        return bad_number(st, p, n, go_type);
    if (n->kind != NODE_INT)
        return mismatch(st, p, n, go_type);
    if (f->kind != FIELD_INT64 && (n->integer < INT32_MIN || n->integer > INT32_MAX))
        return bad_number(st, p, n, go_type);
    ret->integer = n->integer;
    return 0;
}

/* As Go's time package quotes: what is not printable ASCII byte by byte. */
static struct str quote_time(struct arena *a, struct str text)
{
    struct buf out = BUF_INIT;
    buf_putc(&out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80 || c < ' ')
            buf_printf(&out, "\\x%02x", c);
        else
            buf_printf(&out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    buf_putc(&out, '"');
    struct str quoted = arena_str(a, buf_str(&out));
    buf_release(&out);
    return quoted;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of the zone that stands behind the seconds and perhaps a fraction, or 0 when none does.
 */
static size_t behind_zone(struct str text, size_t at)
{
    if (at + 1 < text.len && text.data[at] == '.' && is_digit(text.data[at + 1]))
        for (at++; at < text.len && is_digit(text.data[at]);)
            at++;
    if (at < text.len && text.data[at] == 'Z')
        return at + 1;
    const char *p = text.data + at;
    bool numeric = text.len - at >= 6 && (p[0] == '+' || p[0] == '-') && is_digit(p[1]) &&
                   is_digit(p[2]) && p[3] == ':' && is_digit(p[4]) && is_digit(p[5]);
    return numeric ? at + 6 : 0;
}

/* Go's words for a text that is no time by the given layout. */
static int bad_time(struct status *st, struct str text, bool micro)
{
    static const char *const elements[] = {"2006", "-", "01", "-", "02", "T",
                                           "15",   ":", "04", ":", "05"};
    const char *layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
    struct str quoted = quote_time(st->arena, text);
    struct str shown =
        arena_printf(st->arena, "parsing time %.*s as \"%s\"", STR_ARG(quoted), layout);
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_COUNT(elements); i++) {
        size_t len = strlen(elements[i]);
        bool fits = text.len - at >= len;
        for (size_t k = 0; fits && k < len; k++) {
            char c = text.data[at + k];
            fits = len == 1 ? c == elements[i][0] : is_digit(c);
        }
        if (!fits)
            return status_set(
                st, REASON_BAD_REQUEST, "%.*s: cannot parse %.*s as \"%s\"", STR_ARG(shown),
                STR_ARG(quote_time(st->arena, str_slice(text, at, text.len))), elements[i]);
        at += len;
    }
    static const struct {
        const char *name;
        unsigned at, min, max;
    } ranges[] = {
        {"month", 5, 1, 12}, {"hour", 11, 0, 23}, {"minute", 14, 0, 59}, {"second", 17, 0, 59}};
    for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
        unsigned value = (unsigned)(text.data[ranges[i].at] - '0') * 10 +
                         (unsigned)(text.data[ranges[i].at + 1] - '0');
        if (value < ranges[i].min || value > ranges[i].max)
            return status_set(st, REASON_BAD_REQUEST, "parsing time %.*s: %s out of range",
                              STR_ARG(quoted), ranges[i].name);
    }
    int64_t us;
    struct str day = arena_printf(st->arena, "%.*sZ", 19, text.data);
    if (time_parse(day, &us) < 0)
        return status_set(st, REASON_BAD_REQUEST, "parsing time %.*s: day out of range",
                          STR_ARG(quoted));
    size_t behind = behind_zone(text, at);
    if (behind && behind < text.len)
        return status_set(st, REASON_BAD_REQUEST, "parsing time %.*s: extra text: %.*s",
                          STR_ARG(quoted),
                          STR_ARG(quote_time(st->arena, str_slice(text, behind, text.len))));
    return status_set(st, REASON_BAD_REQUEST, "%.*s: cannot parse %.*s as \"%s\"", STR_ARG(shown),
                      STR_ARG(quote_time(st->arena, str_slice(text, at, text.len))),
                      micro ? ".000000" : "Z07:00");
}

/* The fraction of a MicroTime has six digits, no more and no less. */
static bool has_micro_fraction(struct str text)
{
    if (text.len < 27 || text.data[19] != '.')
        return false;
    return text.data[26] == 'Z' || text.data[26] == '+' || text.data[26] == '-';
}

static int read_time(const struct schema_field *f, const struct node *n, const struct place *p,
                     struct scalar *ret, struct status *st)
{
    int64_t us;
    bool micro = f->kind == FIELD_MICRO_TIME;
    if (n->kind != NODE_STRING)
        return mismatch(st, p, n, "string");
    if ((micro && !has_micro_fraction(n->text)) || time_parse(n->text, &us) < 0)
        return bad_time(st, n->text, micro);
    int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    ret->absent = micro ? us == TIME_ZERO_S * 1000000 : seconds == TIME_ZERO_S;
    ret->integer = micro ? us : seconds;
    return 0;
}

static int read_quantity(struct arena *a, const struct node *n, struct scalar *ret,
                         struct status *st)
{
    char number[JSON_NUMBER_BYTES];
    struct str text = {number, 0};
    switch ((enum node_kind)n->kind) {
    case NODE_STRING: text = str_trim(n->text); break;
    case NODE_INT: text.len = json_print_int(number, n->integer); break;
    case NODE_DOUBLE: text.len = json_print_double(number, n->number); break;
    default: text = STR("{"); break;
    }
    if (quantity_canonical(a, text, &ret->text) < 0)
        return status_set(st, REASON_BAD_REQUEST, "%s", quantity_fault(text));
    if (ret->text.data == number)
        ret->text = arena_str(a, ret->text);
    return 0;
}

static int read_bytes(struct arena *a, const struct node *n, const struct place *p,
                      struct scalar *ret, struct status *st)
{
    if (n->kind != NODE_STRING)
        return mismatch(st, p, n, NULL);
    size_t bad;
    uint8_t *bytes = arena_alloc(a, json_base64_decoded_max(n->text.len));
    ssize_t size = json_base64_decode(bytes, n->text, &bad);
    if (size < 0)
        return status_set(st, REASON_BAD_REQUEST, "illegal base64 data at input byte %zu", bad);
    ret->text = (struct str){(char *)bytes, (size_t)size};
    return 0;
}

static int read_duration(struct arena *a, const struct node *n, const struct place *p,
                         struct scalar *ret, struct status *st)
{
    int64_t ns;
    if (n->kind != NODE_STRING)
        return mismatch(st, p, n, "string");
    if (duration_parse(n->text, &ns) < 0)
        return status_set(st, REASON_BAD_REQUEST, "time: invalid duration \"%.*s\"",
                          STR_ARG(n->text));
    ret->text = duration_format(a, ns);
    return 0;
}

int scalar_read(struct arena *a, const struct schema_field *f, const struct node *n,
                const struct place *p, struct scalar *ret, struct status *st)
{
    *ret = (struct scalar){0};
    if (n->kind == NODE_NULL) {
        ret->absent = true;
        return 0;
    }
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING:
        if (n->kind != NODE_STRING)
            return mismatch(st, p, n, NULL);
        ret->text = n->text;
        return 0;
    case FIELD_INT32:
    case FIELD_INT64: return read_integer(f, n, p, ret, st);
    case FIELD_BOOL:
        if (n->kind != NODE_BOOL)
            return mismatch(st, p, n, NULL);
        ret->integer = n->boolean;
        return 0;
    case FIELD_DOUBLE:
        if (n->kind != NODE_INT && n->kind != NODE_DOUBLE)
            return mismatch(st, p, n, NULL);
        ret->number = n->kind == NODE_INT ? (double)n->integer : n->number;
        return 0;
    case FIELD_BYTES: return read_bytes(a, n, p, ret, st);
    case FIELD_QUANTITY: return read_quantity(a, n, ret, st);
    case FIELD_TIME:
    case FIELD_MICRO_TIME: return read_time(f, n, p, ret, st);
    case FIELD_DURATION: return read_duration(a, n, p, ret, st);
    case FIELD_INT_OR_STRING:
        if (n->kind != NODE_STRING)
            return read_integer(f, n, p, ret, st);
        ret->is_text = true;
        ret->text = n->text;
        return 0;
    default: assert(!"scalar_read: no scalar"); return -1;
    }
}

static struct node *text_node(struct arena *a, struct node *n, struct str text)
{
    return n->kind == NODE_STRING && str_equal(n->text, text) ? n : node_text(a, text);
}

struct node *scalar_node(struct arena *a, const struct schema_field *f, struct node *n,
                         const struct scalar *s)
{
    if (n->kind == NODE_NULL || s->absent)
        return n->kind == NODE_NULL ? n : node_null(a);
    switch ((enum field_kind)f->kind) {
    case FIELD_QUANTITY:
    case FIELD_DURATION: return text_node(a, n, s->text);
    case FIELD_TIME: return text_node(a, n, time_format(a, s->integer * 1000000));
    case FIELD_MICRO_TIME: return text_node(a, n, micro_time_format(a, s->integer));
    case FIELD_BYTES: {
        size_t len = json_base64_encoded_size(s->text.len);
        if (len == n->text.len)
            return n;
        char *text = arena_alloc(a, len + 1);
        json_base64_encode(text, (const uint8_t *)s->text.data, s->text.len);
        return node_text(a, (struct str){text, len});
    }
    default: return n;
    }
}

int too_many_items(struct status *st)
{
    return status_set(st, REASON_REQUEST_ENTITY_TOO_LARGE,
                      "Request entity too large: lists of more than %d items", LIMIT_OBJECT_ITEMS);
}
