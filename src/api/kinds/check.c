#include "api/kinds/check.h"

#include <stdarg.h>

#include "base/limits.h"
#include "object/seal.h"

enum {
    FEW_ITEMS = 32,         /* whose paths may as well stay */
    ITEM_BYTES = 256 << 10, /* of paths, after which they are given back */
};

void check_items_begin(struct check *c, struct check_items *items, size_t count)
{
    *items = (struct check_items){.outer = c->a, .item = ARENA_INIT};
    if (count > FEW_ITEMS)
        c->a = &items->item;
}

void check_item_done(struct check *c, struct check_items *items)
{
    if (c->a == &items->item && items->item.used_bytes > ITEM_BYTES)
        arena_reset(&items->item);
}

void check_items_end(struct check *c, struct check_items *items)
{
    c->a = items->outer;
    arena_release(&items->item);
}

struct str path_of(struct check *c, struct str base, const char *member)
{
    if (str_empty(base))
        return str_from(member);
    return arena_printf(c->a, "%.*s.%s", STR_ARG(base), member);
}

struct str path_index(struct check *c, struct str base, size_t index)
{
    return arena_printf(c->a, "%.*s[%zu]", STR_ARG(base), index);
}

struct str path_key(struct check *c, struct str base, struct str key)
{
    return arena_printf(c->a, "%.*s[%.*s]", STR_ARG(base), STR_ARG(key));
}

bool word_in(struct str word, const char *words)
{
    for (const char *at = words;;) {
        const char *end = strchr(at, '|');
        struct str one = {at, end ? (size_t)(end - at) : strlen(at)};
        if (str_equal(one, word))
            return true;
        if (!end)
            return false;
        at = end + 1;
    }
}

static bool is_lower(char ch)
{
    return ch >= 'a' && ch <= 'z';
}

static bool is_letter(char ch)
{
    return is_lower(ch) || (ch >= 'A' && ch <= 'Z');
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

/* The n-th rule for names of ports: its text when it is broken. */
static const char *port_fault(struct str s, size_t n)
{
    bool letter = false, strange = false;
    for (size_t i = 0; i < s.len; i++) {
        letter = letter || is_lower(s.data[i]);
        strange = strange || (!is_lower(s.data[i]) && !is_digit(s.data[i]) && s.data[i] != '-');
    }
    switch (n) {
    case 0: return s.len > 15 ? "must be no more than 15 characters" : NULL;
    case 1:
        return strange ? "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
                       : NULL;
    case 2: return letter ? NULL : "must contain at least one letter (a-z)";
    case 3: return str_find_str(s, STR("--")) >= 0 ? "must not contain consecutive hyphens" : NULL;
    default:
        return s.len && (s.data[0] == '-' || s.data[s.len - 1] == '-')
                   ? "must not begin or end with a hyphen"
                   : NULL;
    }
}
enum {
    PORT_RULES = 5
};

const char *name_port(struct str s)
{
    const char *fault = NULL;
    for (size_t i = 0; i < PORT_RULES && !fault; i++)
        fault = port_fault(s, i);
    return fault;
}

const char *name_environment(struct str s)
{
    if (s.len == 0)
        return "environment variable name must be non-empty";
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < ' ' || s.data[i] > '~' || s.data[i] == '=')
            return "a valid environment variable name must consist only of printable ASCII "
                   "characters other than '='";
    return NULL;
}

/* "." and "..", and what begins with "..". */
static const char *directory_name(struct str s)
{
    if (str_is(s, "."))
        return "must not be '.'";
    if (str_is(s, ".."))
        return "must not be '..'";
    return str_starts(s, "..") ? "must not start with '..'" : NULL;
}

const char *name_config_key(struct str s)
{
    if (s.len > 253)
        return "must be no more than 253 characters";
    bool right = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        right = right && (is_letter(s.data[i]) || is_digit(s.data[i]) || strchr("-._", s.data[i]));
    if (!right)
        return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
               "'key.name',  or 'KEY_NAME',  "
               "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    return directory_name(s);
}

const char *name_http_header(struct str s)
{
    bool right = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        right = right && (is_letter(s.data[i]) || is_digit(s.data[i]) || s.data[i] == '-');
    return right ? NULL
                 : "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                   "'X-Header-Name', regex used for "
                   "validation is '[-A-Za-z0-9]+')";
}

const char *name_percent(struct str s)
{
    bool right = s.len > 1 && s.data[s.len - 1] == '%';
    for (size_t i = 0; right && i + 1 < s.len; i++)
        right = is_digit(s.data[i]);
    return right ? NULL
                 : "a valid percent string must be a numeric string followed by an ending '%' "
                   "(e.g. '1%',  or '93%', regex used "
                   "for validation is '[0-9]+%')";
}

const char *name_dns1123_wildcard(struct str s)
{
    if (s.len > 253)
        return "must be no more than 253 characters";
    if (str_starts(s, "*.") && !name_dns1123_subdomain(str_slice(s, 2, s.len)))
        return NULL;
    return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
           "which must consist of lower "
           "case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
           "'*.example.com', regex used "
           "for validation is "
           "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
}

const char *name_c_identifier(struct str s)
{
    bool right = s.len > 0 && !is_digit(s.data[0]);
    for (size_t i = 0; i < s.len; i++)
        right = right && (is_letter(s.data[i]) || is_digit(s.data[i]) || s.data[i] == '_');
    return right ? NULL
                 : "a valid C identifier must start with alphabetic character or '_', followed by "
                   "a string of alphanumeric "
                   "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for "
                   "validation is "
                   "'[A-Za-z_][A-Za-z0-9_]*')";
}

/* Some rules have several texts, each a cause of its own: those beyond the first that rule gave. */
static void check_further(struct check *c, struct str text, struct str path,
                          const char *(*rule)(struct str), const char *first)
{
    const char *fault = NULL;
    if (rule == name_port) {
        for (size_t i = 0; i < PORT_RULES; i++)
            if ((fault = port_fault(text, i)) && strcmp(fault, first) != 0)
                field_invalid(c->st, path, text, "%s", fault);
    } else if (rule == name_config_key) {
        if ((fault = directory_name(text)) && strcmp(fault, first) != 0)
            field_invalid(c->st, path, text, "%s", fault);
    } else if (rule == name_qualified && (text.len == 0 || text.data[text.len - 1] == '/')) {
        /* An empty name is ill-formed, too. */
        fault = name_qualified(STR("-"));
        field_invalid(c->st, path, text, "%s", fault);
    }
}

void check_text(struct check *c, struct str text, struct str path, const char *(*rule)(struct str))
{
    const char *fault = rule(text);
    if (!fault)
        return;
    field_invalid(c->st, path, text, "%s", fault);
    check_further(c, text, path, rule, fault);
}

void check_needed(struct check *c, struct str text, struct str path,
                  const char *(*rule)(struct str))
{
    if (str_empty(text))
        field_required(c->st, path, "%s", "");
    else
        check_text(c, text, path, rule);
}

void check_word(struct check *c, struct str text, struct str path, const char *words)
{
    if (word_in(text, words))
        return;
    struct buf list = BUF_INIT;
    for (const char *at = words;;) {
        const char *end = strchr(at, '|');
        buf_printf(&list, "%s\"%.*s\"", at == words ? "" : ", ",
                   (int)(end ? (size_t)(end - at) : strlen(at)), at);
        if (!end)
            break;
        at = end + 1;
    }
    status_add_cause(c->st, CAUSE_NOT_SUPPORTED, path,
                     "Unsupported value: \"%.*s\": supported values: %.*s", STR_ARG(text),
                     STR_ARG(buf_str(&list)));
    buf_release(&list);
}

void check_needed_word(struct check *c, struct str text, struct str path, const char *words)
{
    if (str_empty(text))
        field_required(c->st, path, "%s", "");
    else
        check_word(c, text, path, words);
}

void invalid_number(struct check *c, struct str path, int64_t value, const char *format, ...)
{
    char detail[256];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    field_invalid_bare(c->st, path, arena_printf(c->a, "%lld", (long long)value), "%s", detail);
}

void invalid_node(struct check *c, struct str path, const struct node *value, const char *format,
                  ...)
{
    struct buf json = BUF_INIT;
    va_list args;
    va_start(args, format);
    struct str detail = arena_vprintf(c->a, format, args);
    va_end(args);
    if (value)
        node_to_json(&json, value, 0);
    else
        buf_puts(&json, "null");
    field_invalid_bare(c->st, path, buf_str(&json), "%.*s", STR_ARG(detail));
    buf_release(&json);
}

/* The end of a group of members: at its '}', or at the end of the text. */
static const char *shape_end(const char *shape)
{
    for (int depth = 0; *shape && (depth || *shape != '}'); shape++)
        depth += *shape == '{' ? 1 : *shape == '}' ? -1 : 0;
    return shape;
}

static void put_go_form(struct buf *out, const struct node *n, const char *shape, const char *end)
{
    buf_puts(out, "{");
    for (bool first = true; shape < end; first = false) {
        size_t len = strcspn(shape, " \"{}");
        char member[64];
        snprintf(member, sizeof(member), "%.*s", (int)len, shape);
        buf_printf(out, "%s\"%s\":", first ? "" : ",", member);
        member[0] = (char)(member[0] | 0x20);
        const struct node *value = node_get(n, str_from(member));
        shape += len;
        const char *inner = *shape == '{' ? shape + 1 : NULL,
                   *inner_end = inner ? shape_end(inner) : NULL;
        if (!value)
            buf_puts(out, *shape == '"' ? "\"\"" : "null");
        else if (inner && node_is(value, NODE_LIST)) {
            for (size_t i = 0; i < node_count(value); i++) {
                buf_puts(out, i ? "," : "[");
                put_go_form(out, node_item(value, i), inner, inner_end);
            }
            buf_puts(out, node_count(value) ? "]" : "[]");
        } else if (inner)
            put_go_form(out, value, inner, inner_end);
        else
            node_to_json(out, value, 0);
        shape = inner ? inner_end + 1 : shape + (*shape == '"');
        shape += *shape == ' ';
    }
    buf_puts(out, "}");
}

void invalid_go(struct check *c, struct str path, const struct node *value, const char *shape,
                const char *detail)
{
    struct buf json = BUF_INIT;
    put_go_form(&json, value, shape, shape + strlen(shape));
    field_invalid_bare(c->st, path, buf_str(&json), "%s", detail);
    buf_release(&json);
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct member *)a)->name, ((const struct member *)b)->name);
}

const struct node *sorted_map(struct check *c, const struct node *map)
{
    struct node *sorted = map ? node_copy(c->a, map) : NULL;
    if (node_is(sorted, NODE_MAP))
        qsort(sorted->map.members, sorted->map.count, sizeof(*sorted->map.members), by_name);
    return sorted;
}

void check_not_negative(struct check *c, const struct node *parent, struct str base,
                        const char *member)
{
    int64_t value = node_num(parent, member, 0);
    if (value < 0)
        invalid_number(c, path_of(c, base, member), value, "must be greater than or equal to 0");
}

void check_range(struct check *c, const struct node *parent, struct str base, const char *member,
                 int64_t low, int64_t high)
{
    int64_t value = node_num(parent, member, low);
    if (value < low || value > high)
        invalid_number(c, path_of(c, base, member), value,
                       "must be between %lld and %lld, inclusive", (long long)low, (long long)high);
}

void check_port_number(struct check *c, int64_t port, struct str path)
{
    if (port < 1 || port > 65535)
        invalid_number(c, path, port, "must be between 1 and 65535, inclusive");
}

void check_port(struct check *c, const struct node *port, struct str path)
{
    if (node_is(port, NODE_STRING))
        check_text(c, port->text, path, name_port);
    else
        check_port_number(c, node_num(port, "", 0), path);
}

void check_immutable(struct check *c, const struct node *now, const struct node *old,
                     struct str path)
{
    if ((!now && !old) || (now && old && node_equal(now, old)))
        return;
    if (node_is(now, NODE_STRING) || (!now && node_is(old, NODE_STRING)))
        field_invalid(c->st, path, node_str(now, ""), "field is immutable");
    else
        invalid_node(c, path, now, "field is immutable");
}

void check_immutable_at(struct check *c, const struct node *object, const struct node *old,
                        const char *path)
{
    check_immutable(c, node_at(object, path), node_at(old, path), str_from(path));
}

void check_label_map(struct check *c, const struct node *labels, struct str path)
{
    member_each(m, labels)
    {
        check_text(c, m->name, path, name_qualified);
        check_text(c, node_str(m->value, ""), path, name_label_value);
    }
}

void check_annotation_map(struct check *c, const struct node *annotations, struct str path)
{
    size_t total = 0;
    member_each(m, annotations)
    {
        char *key = arena_cstr(c->a, m->name);
        for (size_t i = 0; i < m->name.len; i++)
            if (key[i] >= 'A' && key[i] <= 'Z')
                key[i] = (char)(key[i] + 32);
        const char *fault = name_qualified((struct str){key, m->name.len});
        if (fault)
            field_invalid(c->st, path, m->name, "%s", fault);
        total += m->name.len + node_str(m->value, "").len;
    }
    if (total > 256 << 10)
        field_too_long(c->st, path, 256 << 10);
}

static void check_requirement(struct check *c, const struct node *requirement, struct str path)
{
    struct str operator= node_str(requirement, "operator");
    const struct node *values = node_get(requirement, STR("values"));
    if (word_in(operator, "In|NotIn")) {
        if (node_count(values) == 0)
            field_required(c->st, path_of(c, path, "values"),
                           "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (word_in(operator, "Exists|DoesNotExist")) {
        if (node_count(values) > 0)
            field_forbidden(c->st, path_of(c, path, "values"),
                            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else {
        field_invalid(c->st, path_of(c, path, "operator"), operator,
                      "not a valid selector operator");
    }
    check_text(c, node_str(requirement, "key"), path_of(c, path, "key"), name_qualified);
    for (size_t i = 0; i < node_count(values); i++)
        check_text(c, node_str(node_item(values, i), ""),
                   path_index(c, path_of(c, path, "values"), i), name_label_value);
}

void check_label_selector(struct check *c, const struct node *selector, struct str path)
{
    const struct node *expressions = node_get(selector, STR("matchExpressions"));
    check_label_map(c, node_get(selector, STR("matchLabels")), path_of(c, path, "matchLabels"));
    for (size_t i = 0; i < node_count(expressions); i++)
        check_requirement(c, node_item(expressions, i),
                          path_index(c, path_of(c, path, "matchExpressions"), i));
}

bool label_selector_is_empty(const struct node *selector)
{
    return node_count(node_get(selector, STR("matchLabels"))) == 0 &&
           node_count(node_get(selector, STR("matchExpressions"))) == 0;
}

bool quantity_of(const struct node *n, struct quantity *ret)
{
    if (node_is(n, NODE_INT)) {
        *ret = quantity_from_int(n->integer);
        return true;
    }
    return node_is(n, NODE_STRING) && quantity_parse(n->text, ret) == 0;
}

bool quantity_at_path(const struct node *n, const char *path, struct quantity *ret)
{
    return quantity_of(node_at(n, path), ret);
}

bool quantity_is_negative(struct quantity q)
{
    return q.nano < 0;
}

bool quantity_is_integer(struct quantity q)
{
    return q.nano % 1000000000 == 0;
}

void check_quantity_not_negative(struct check *c, const struct node *q, struct str path)
{
    struct quantity value;
    if (quantity_of(q, &value) && quantity_is_negative(value))
        field_invalid(c->st, path, node_str(q, ""), "must be greater than or equal to 0");
}

/* sloppy: with leading zeros. */
static bool is_ipv4_as(struct str text, bool sloppy)
{
    int parts = 0;
    while (text.data) {
        struct str part = str_cut(&text, '.');
        uint64_t value;
        bool leading_zero = part.len > 1 && part.data[0] == '0';
        if (part.len == 0 || (part.len > 3 && !sloppy) || (leading_zero && !sloppy) ||
            str_to_u64(part, &value) != 0 || value > 255 || ++parts > 4)
            return false;
    }
    return parts == 4;
}

static bool is_ipv4(struct str text)
{
    return is_ipv4_as(text, false);
}

static bool is_hex_group(struct str part)
{
    for (size_t i = 0; i < part.len; i++)
        if (!is_digit(part.data[i]) && !(part.data[i] >= 'a' && part.data[i] <= 'f') &&
            !(part.data[i] >= 'A' && part.data[i] <= 'F'))
            return false;
    return part.len >= 1 && part.len <= 4;
}

/* Groups between colons; -1 when one is ill-formed. The last may be an IPv4 address, which counts
 * as two. */
static int count_groups(struct str text, bool last)
{
    int groups = 0;
    if (text.len == 0)
        return 0;
    while (text.data) {
        struct str part = str_cut(&text, ':');
        if (last && !text.data && str_find(part, '.') >= 0) {
            if (!is_ipv4(part))
                return -1;
            return groups + 2;
        }
        if (!is_hex_group(part))
            return -1;
        groups++;
    }
    return groups;
}

static bool is_ipv6(struct str text)
{
    ssize_t gap = str_find_str(text, STR("::"));
    if (gap < 0)
        return count_groups(text, true) == 8;
    int before = count_groups(str_slice(text, 0, (size_t)gap), false);
    int after = count_groups(str_slice(text, (size_t)gap + 2, text.len), true);
    return before >= 0 && after >= 0 && before + after <= 7;
}

int ip_family(struct str text)
{
    if (text.len == 0 || text.len > 45)
        return 0;
    return is_ipv4(text) ? 4 : is_ipv6(text) ? 6 : 0;
}

int cidr_family(struct str text)
{
    ssize_t slash = str_find(text, '/');
    uint64_t bits;
    if (slash < 0 || str_to_u64(str_slice(text, (size_t)slash + 1, text.len), &bits) != 0)
        return 0;
    int family = ip_family(str_slice(text, 0, (size_t)slash));
    return bits <= (family == 4 ? 32 : 128) ? family : 0;
}

static uint64_t prefix_bits(struct str cidr)
{
    uint64_t bits = 0;
    ssize_t slash = str_find(cidr, '/');
    return slash >= 0 && str_to_u64(str_slice(cidr, (size_t)slash + 1, cidr.len), &bits) == 0 ? bits
                                                                                              : 0;
}

/* The eight groups of an IPv6 address, or the four numbers of an IPv4 one; returns how many bits
 * each has. */
static unsigned address_parts(struct str text, uint16_t ret[8])
{
    unsigned count = 0, tail = 0;
    uint16_t after[8];
    bool v4 = ip_family(text) == 4, gap = false;
    memset(ret, 0, 8 * sizeof(*ret));
    while (text.data && count + tail < 8) {
        struct str part = str_cut(&text, v4 ? '.' : ':');
        uint64_t number = 0;
        char hex[8];
        snprintf(hex, sizeof(hex), "%.*s", STR_ARG(part));
        if (!v4 && part.len == 0 && (count || tail || str_starts(text, ":"))) {
            if (!gap && count == 0)
                str_cut(&text, ':');
            gap = true;
            continue;
        }
        if (v4 && str_to_u64(part, &number) != 0)
            break;
        uint16_t value = v4 ? (uint16_t)number : (uint16_t)strtoul(hex, NULL, 16);
        if (gap)
            after[tail++] = value;
        else
            ret[count++] = value;
    }
    memcpy(ret + 8 - tail, after, tail * sizeof(*after));
    return v4 ? 8 : 16;
}

bool cidr_holds(struct str outer, struct str inner)
{
    uint16_t a[8], b[8];
    uint64_t bits = prefix_bits(outer);
    if (cidr_family(outer) != cidr_family(inner) || bits >= prefix_bits(inner))
        return false;
    unsigned width = address_parts(str_slice(outer, 0, (size_t)str_find(outer, '/')), a);
    address_parts(str_slice(inner, 0, (size_t)str_find(inner, '/')), b);
    for (unsigned i = 0; bits > 0; i++, bits -= MIN(bits, width)) {
        unsigned shift = bits >= width ? 0 : width - (unsigned)bits;
        if (a[i] >> shift != b[i] >> shift)
            return false;
    }
    return true;
}

void check_ip(struct check *c, struct str text, struct str path)
{
    if (!ip_family(text) && is_ipv4_as(text, true))
        field_invalid(c->st, path, text, "must not have leading 0s");
    else if (!ip_family(text))
        field_invalid(c->st, path, text,
                      "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

void check_cidr(struct check *c, struct str text, struct str path)
{
    if (!cidr_family(text))
        field_invalid(c->st, path, text,
                      "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}

bool list_has_text(const struct node *list, struct str text)
{
    node_each(item, list) if (str_equal(node_str(item, ""), text)) return true;
    return false;
}

void keep_old(struct arena *a, struct node *object, const struct node *old, const char *path)
{
    const struct node *before = old ? node_at(old, path) : NULL;
    if (before)
        node_put(a, object, path, node_copy(a, before));
    else
        node_del(object, path);
}

void prepare_status_split(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    if (!old) {
        node_del(object, "status");
        return;
    }
    if (str_is(ctx->subresource, "status")) {
        keep_old(ctx->arena, object, old, "spec");
    } else if (str_empty(ctx->subresource)) {
        keep_old(ctx->arena, object, old, "status");
    }
}
