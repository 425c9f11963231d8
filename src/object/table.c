#include <stdarg.h>

#include "object/jsonpath.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/selector.h"
#include "object/table_internal.h"

struct str human_duration(struct arena *a, int64_t us)
{
    long long seconds = us / 1000000, minutes = seconds / 60, hours = minutes / 60,
              days = hours / 24;
    if (seconds < -1)
        return STR("<invalid>");
    if (seconds < 0)
        return STR("0s");
    if (seconds < 120)
        return arena_printf(a, "%llds", seconds);
    if (minutes < 10)
        return seconds % 60 ? arena_printf(a, "%lldm%llds", minutes, seconds % 60)
                            : arena_printf(a, "%lldm", minutes);
    if (minutes < 180)
        return arena_printf(a, "%lldm", minutes);
    if (hours < 8)
        return minutes % 60 ? arena_printf(a, "%lldh%lldm", hours, minutes % 60)
                            : arena_printf(a, "%lldh", hours);
    if (hours < 48)
        return arena_printf(a, "%lldh", hours);
    if (hours < 192)
        return hours % 24 ? arena_printf(a, "%lldd%lldh", days, hours % 24)
                          : arena_printf(a, "%lldd", days);
    if (days < 730)
        return arena_printf(a, "%lldd", days);
    if (days < 2920 && days % 365)
        return arena_printf(a, "%lldy%lldd", days / 365, days % 365);
    return arena_printf(a, "%lldy", days / 365);
}

struct node *cell_text(const struct row *row, struct str text)
{
    return node_text_copy(row->arena, text);
}

struct node *cell_printf(const struct row *row, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    struct node *n = cell_text(row, len < 0 ? STR("") : (struct str){text, (size_t)len});
    if (len >= 0)
        free(text);
    return n;
}

struct node *cell_buf(const struct row *row, struct buf *text)
{
    struct node *n = cell_text(row, buf_str(text));
    buf_release(text);
    return n;
}

struct str row_text(const struct row *row, const char *path)
{
    return value_text(row->arena, row->root, path);
}

struct str value_label(struct value map, const char *key)
{
    return value_str(value_key(map, str_from(key)), "");
}

struct str since(const struct row *row, int64_t time_us)
{
    return time_us == 0 ? STR("<unknown>") : human_duration(row->arena, row->now_us - time_us);
}

struct value find_condition(struct value conditions, const char *type)
{
    struct value_iter it = value_iter(conditions);
    for (struct value c; value_next(&it, &c);)
        if (str_is(value_str(c, "type"), type))
            return c;
    return (struct value){.kind = VALUE_NONE};
}

void some_of_add(struct some_of *s, struct str text)
{
    s->count++;
    if (s->shown == s->max)
        return;
    if (s->shown++ > 0)
        buf_putc(&s->text, ',');
    buf_add(&s->text, text);
}

struct node *some_of_cell(const struct row *row, struct some_of *s, const char *empty)
{
    if (s->count > s->max)
        buf_printf(&s->text, " + %zu more...", s->count - s->max);
    if (s->text.len == 0)
        buf_puts(&s->text, empty);
    return cell_buf(row, &s->text);
}

static struct node *selector_cell(const struct row *row, struct value selector,
                                  const char *otherwise)
{
    struct selector s;
    struct status st;
    status_init(&st, row->arena);
    if (label_selector_from_value(row->arena, selector, &s, &st) < 0)
        return cell_text(row, STR("<error>"));
    struct str text = label_selector_format(row->arena, &s);
    return cell_text(row, text.len ? text : str_from(otherwise));
}

static struct node *labels_cell(const struct row *row, struct value map)
{
    struct selector s;
    label_selector_from_map(row->arena, map, &s);
    struct str text = label_selector_format(row->arena, &s);
    return cell_text(row, text.len ? text : STR("<none>"));
}

/* member: the text of each item's member, or of the item itself. */
static struct node *joined_cell(const struct row *row, struct value list, const char *member,
                                const char *otherwise)
{
    struct buf text = BUF_INIT;
    struct value_iter it = value_iter(list);
    for (struct value item; value_next(&it, &item);) {
        if (it.index > 0)
            buf_putc(&text, ',');
        buf_add(&text, value_text(row->arena, item, member));
    }
    if (text.len == 0)
        buf_puts(&text, otherwise);
    return cell_buf(row, &text);
}

static struct node *make_cell(const struct row *row, const struct cell *c)
{
    struct value root = row->root, v = c->path ? value_at(root, c->path) : root;
    struct str text;
    switch (c->kind) {
    case CELL_NAME: return cell_text(row, value_str(root, "metadata.name"));
    case CELL_AGE:
        return cell_text(row, since(row, value_time_us(root, "metadata.creationTimestamp")));
    case CELL_CREATED:
        if (!value_present(value_at(root, "metadata.creationTimestamp")))
            return node_text(row->arena, STR("0001-01-01T00:00:00Z"));
        return node_text(
            row->arena, time_format(row->arena, value_time_us(root, "metadata.creationTimestamp")));
    case CELL_TEXT:
        text = value_text(row->arena, v, "");
        return cell_text(row, text.len ? text : str_from(c->otherwise));
    case CELL_INT: return node_int(row->arena, value_int(v, "", 0));
    case CELL_BOOL: return node_bool(row->arena, value_bool(v, "", false));
    case CELL_COUNT: return node_int(row->arena, (int64_t)value_count(v));
    case CELL_SINCE:
        return cell_text(row, value_present(v) ? since(row, value_time_us(v, ""))
                                               : str_from(c->otherwise));
    case CELL_SELECTOR: return selector_cell(row, v, c->otherwise);
    case CELL_LABELS: return labels_cell(row, v);
    case CELL_NAMES: return joined_cell(row, v, "name", "");
    case CELL_IMAGES: return joined_cell(row, v, "image", "");
    case CELL_JOINED: return joined_cell(row, v, "", c->otherwise);
    case CELL_CALL: return c->make(row);
    }
    return node_null(row->arena);
}

static const struct table_kind plain = {.group = "", .plural = "", CELLS(NAME, CREATED)};

static const struct table_kind *find_kind(const struct resource *r)
{
    const struct {
        const struct table_kind *kinds;
        size_t count;
    } sets[] = {{table_core_kinds, table_core_kind_count},
                {table_workload_kinds, table_workload_kind_count},
                {table_group_kinds, table_group_kind_count}};
    for (size_t s = 0; s < ARRAY_COUNT(sets); s++)
        for (size_t i = 0; i < sets[s].count; i++)
            if (strcmp(sets[s].kinds[i].plural, r->plural) == 0 &&
                strcmp(sets[s].kinds[i].group, r->group) == 0)
                return &sets[s].kinds[i];
    return &plain;
}

/* A cell of a custom resource, by the column's type; null when there is nothing of that type at the
 * path. */
static struct node *custom_cell(const struct row *row, const struct resource_column *column)
{
    struct value v;
    if (!jsonpath_first(row->arena, row->root, str_from(column->json_path), &v))
        return node_null(row->arena);
    bool scalar = v.kind != VALUE_LIST && v.kind != VALUE_MAP && v.kind != VALUE_OBJECT;
    if (strcmp(column->type, "string") == 0) {
        if (scalar)
            return cell_text(row,
                             v.kind == VALUE_NULL ? STR("null") : value_text(row->arena, v, ""));
        struct buf text = BUF_INIT;
        node_to_json(&text, value_to_node(row->arena, v), 0);
        return cell_buf(row, &text);
    }
    int64_t time_us;
    if (strcmp(column->type, "integer") == 0 && v.kind == VALUE_INT)
        return node_int(row->arena, value_int(v, "", 0));
    if (strcmp(column->type, "integer") == 0 && v.kind == VALUE_DOUBLE)
        return node_int(row->arena, (int64_t)value_double(v, "", 0));
    if (strcmp(column->type, "number") == 0 && (v.kind == VALUE_INT || v.kind == VALUE_DOUBLE))
        return v.kind == VALUE_INT ? node_int(row->arena, value_int(v, "", 0))
                                   : node_double(row->arena, value_double(v, "", 0));
    if (strcmp(column->type, "boolean") == 0 && v.kind == VALUE_BOOL)
        return node_bool(row->arena, value_bool(v, "", false));
    if (strcmp(column->type, "date") == 0 && (v.kind == VALUE_STRING || v.kind == VALUE_TIME)) {
        if (time_parse(value_text(row->arena, v, ""), &time_us) < 0)
            return cell_text(row, STR("<invalid>"));
        return cell_text(row, since(row, time_us));
    }
    return node_null(row->arena);
}

void table_row(struct arena *a, const struct resource *r, const struct sealed *object,
               int64_t now_us, struct node *cells)
{
    struct row row = {.arena = a, .root = sealed_root(object), .now_us = now_us};
    if (r->type == SCHEMA_CUSTOM && r->column_count > 0) {
        for (size_t i = 0; i < r->column_count; i++)
            node_append(a, cells,
                        r->columns[i].json_path
                            ? custom_cell(&row, &r->columns[i])
                            : cell_text(&row, value_str(row.root, "metadata.name")));
        return;
    }
    const struct table_kind *kind = find_kind(r);
    for (size_t i = 0; i < kind->count; i++)
        node_append(a, cells, make_cell(&row, &kind->cells[i]));
}

static const struct {
    const char *phase, *message;
} pod_conditions[] = {
    {"Succeeded", "The pod has completed successfully."},
    {"Failed", "The pod failed."},
};

struct node *table_row_conditions(struct arena *a, const struct resource *r,
                                  const struct sealed *object)
{
    if (strcmp(r->plural, "pods") != 0 || r->group[0] != 0)
        return NULL;
    struct str phase = value_str(sealed_root(object), "status.phase");
    for (size_t i = 0; i < ARRAY_COUNT(pod_conditions); i++) {
        if (!str_is(phase, pod_conditions[i].phase))
            continue;
        struct node *list = node_list(a), *n = node_map(a);
        node_put_str(a, n, "type", STR("Completed"));
        node_put_str(a, n, "status", STR("True"));
        node_put_str(a, n, "reason", phase);
        node_put_str(a, n, "message", str_from(pod_conditions[i].message));
        node_append(a, list, n);
        return list;
    }
    return NULL;
}

void table_columns(struct arena *a, const struct resource *r, struct node *definitions)
{
    for (size_t i = 0; i < r->column_count; i++) {
        const struct resource_column *c = &r->columns[i];
        struct node *n = node_map(a);
        node_put_str(a, n, "name", str_from(c->name));
        node_put_str(a, n, "type", str_from(c->type));
        node_put_str(a, n, "format", str_from(c->format));
        node_put_str(a, n, "description", str_from(c->description));
        node_put_int(a, n, "priority", c->priority);
        node_append(a, definitions, n);
    }
}
