#include "api/impersonate.h"

#include "base/encode.h"
#include "object/seal.h"

static int check(struct request *r, const char *group, const char *resource, struct str subresource,
                 struct str ns, struct str name)
{
    struct access access = {.user = r->user,
                            .verb = "impersonate",
                            .resource_request = true,
                            .group = str_from(group),
                            .version = str_from(*group ? "v1" : ""),
                            .resource = str_from(resource),
                            .subresource = subresource,
                            .ns = ns,
                            .name = name};
    struct str reason = STR_NONE;
    if (authorize(r->api->config.authorizer, r->arena, &access, &reason) == DECISION_ALLOW)
        return 0;
    return authorize_forbidden(&r->st, &access, reason);
}

static int take_user(struct request *r, struct user *as)
{
    struct str ns, name;
    if (!user_is_service_account(as, &ns, &name))
        return check(r, "", "users", STR_NONE, STR_NONE, as->name);
    if (check(r, "", "serviceaccounts", STR_NONE, ns, name) < 0)
        return -1;
    return 0;
}

static int take_groups(struct request *r, struct user *as)
{
    for (size_t i = 0; i < r->http->header_count; i++) {
        const struct http_header *h = &r->http->headers[i];
        if (!str_equal_nocase(h->name, STR("Impersonate-Group")))
            continue;
        if (check(r, "", "groups", STR_NONE, STR_NONE, h->value) < 0)
            return -1;
        user_add_group(r->arena, as, h->value);
    }
    return 0;
}

static void add_extra(struct request *r, struct user *as, struct str key, struct str value)
{
    for (size_t i = 0; i < as->extra_count; i++)
        if (str_equal(as->extra[i].key, key)) {
            struct user_extra *e = &as->extra[i];
            e->values = arena_grow(r->arena, e->values, e->count * sizeof(struct str),
                                   (e->count + 1) * sizeof(struct str));
            e->values[e->count++] = value;
            return;
        }
    size_t n = as->extra_count;
    as->extra =
        arena_grow(r->arena, as->extra, n * sizeof(*as->extra), (n + 1) * sizeof(*as->extra));
    as->extra[n] = (struct user_extra){
        .key = key, .values = arena_dup(r->arena, &value, sizeof(value)), .count = 1};
    as->extra_count = n + 1;
}

static struct str extra_key(struct request *r, const struct http_header *h)
{
    const struct str prefix = STR("Impersonate-Extra-");
    if (h->name.len <= prefix.len || !str_equal_nocase(str_slice(h->name, 0, prefix.len), prefix))
        return STR_NONE;
    char *lower = arena_cstr(r->arena, str_slice(h->name, prefix.len, h->name.len));
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
    struct str key;
    return percent_decode(r->arena, str_from(lower), false, &key) < 0 ? str_from(lower) : key;
}

static int take_extra(struct request *r, struct user *as)
{
    for (size_t i = 0; i < r->http->header_count; i++) {
        const struct http_header *h = &r->http->headers[i];
        struct str key = extra_key(r, h);
        if (str_empty(key))
            continue;
        if (check(r, "authentication.k8s.io", "userextras", key, STR_NONE, h->value) < 0)
            return -1;
        add_extra(r, as, key, h->value);
    }
    return 0;
}

/* Groups that follow from the name, as authentication itself would give them. */
static void complete_groups(struct request *r, struct user *as)
{
    struct str ns, name;
    if (as->group_count == 0 && user_is_service_account(as, &ns, &name)) {
        user_add_group(r->arena, as, STR("system:serviceaccounts"));
        user_add_group(r->arena, as,
                       arena_printf(r->arena, "system:serviceaccounts:%.*s", STR_ARG(ns)));
    }
    const char *last =
        str_is(as->name, "system:anonymous") ? "system:unauthenticated" : "system:authenticated";
    if (!user_in_group(as, "system:authenticated") && !user_in_group(as, "system:unauthenticated"))
        user_add_group(r->arena, as, str_from(last));
}

static void show_list(struct buf *out, struct str *texts, size_t count)
{
    struct node shown = {.kind = NODE_STRING};
    if (count == 0) {
        buf_puts(out, "[]string(nil)");
        return;
    }
    buf_puts(out, "[]string{");
    for (size_t i = 0; i < count; i++) {
        buf_puts(out, i ? ", " : "");
        shown.text = texts[i];
        node_to_json(out, &shown, 0);
    }
    buf_puts(out, "}");
}

/* Somebody's groups without the somebody: the original shows what was asked for as Go does. */
static int refuse_nameless(struct request *r, struct str uid)
{
    struct user asked = {0};
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < r->http->header_count; i++) {
        const struct http_header *h = &r->http->headers[i];
        struct str key = extra_key(r, h);
        if (str_equal_nocase(h->name, STR("Impersonate-Group")))
            user_add_group(r->arena, &asked, h->value);
        if (!str_empty(key))
            add_extra(r, &asked, key, h->value);
    }
    if (str_empty(uid) && asked.group_count == 0 && asked.extra_count == 0)
        return 0;
    buf_printf(&text, "requested &user.DefaultInfo{Name:\"\", UID:\"%.*s\", Groups:", STR_ARG(uid));
    show_list(&text, asked.groups, asked.group_count);
    buf_puts(&text, asked.extra_count ? ", Extra:map[string][]string{"
                                      : ", Extra:map[string][]string(nil");
    for (size_t i = 0; i < asked.extra_count; i++) {
        buf_printf(&text, "%s\"%.*s\":", i ? ", " : "", STR_ARG(asked.extra[i].key));
        show_list(&text, asked.extra[i].values, asked.extra[i].count);
    }
    buf_puts(&text, asked.extra_count ? "}} without impersonating a user name"
                                      : ")} without impersonating a user name");
    status_set(&r->st, REASON_BAD_REQUEST, "%.*s", STR_ARG(buf_str(&text)));
    buf_release(&text);
    return -1;
}

int impersonate(struct request *r)
{
    struct str name = http_header(r->http, "Impersonate-User");
    struct str uid = http_header(r->http, "Impersonate-Uid");
    if (str_empty(name))
        return refuse_nameless(r, uid);
    struct user *as = arena_new(r->arena, struct user);
    as->name = name;
    if (take_user(r, as) < 0 || take_groups(r, as) < 0 || take_extra(r, as) < 0)
        return -1;
    if (!str_empty(uid)) {
        if (check(r, "authentication.k8s.io", "uids", STR_NONE, STR_NONE, uid) < 0)
            return -1;
        as->uid = uid;
    }
    complete_groups(r, as);
    r->impersonator = r->user;
    r->user = as;
    return 0;
}
