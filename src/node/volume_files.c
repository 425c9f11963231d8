/* Volumes whose files the agent writes: ConfigMaps, Secrets, the downward API, service account
 * tokens, and projections of these. */
#include <errno.h>

#include "base/encode.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "node/volume.h"

enum {
    MODE_DEFAULT = 0644,
    TOKEN_MODE_OWNED = 0600,
    TOKEN_SECONDS = 3607,
    TOKEN_RETRY_US = 10 * 1000000
};

static void add(struct volume_files *f, struct str path, struct str data, int64_t mode, bool own)
{
    struct volume_file file = {arena_str(f->arena, path), data, (mode_t)mode, own};
    vec_push(&f->items, file);
}

static int64_t item_mode(const struct node *item, int64_t otherwise)
{
    return node_num(item, "mode", otherwise);
}

/* The keys of one object, all or those that items name. 0, 1 (not seen yet is no case: sources
 * are), or -1. */
static int add_object(struct mounted *m, struct volume_files *f, enum source_kind kind,
                      const struct node *from, struct str name, int64_t mode)
{
    static const char *const parts[] = {"data", "binaryData"};
    const char *what = kind == SOURCE_SECRET ? "secret" : "configmap";
    bool optional = node_flag(from, "optional", false);
    const struct sealed *object = source_get(m->pod->agent, kind, str_from(m->pod->ns), name);
    const struct node *items = node_at(from, "items");
    if (!object)
        return optional ? 0 : volume_error(m, "%s \"%.*s\" not found", what, STR_ARG(name));
    size_t found = 0;
    for (size_t i = 0; i < (kind == SOURCE_SECRET ? 1u : 2u); i++) {
        struct value_iter it = value_iter(value_at(sealed_root(object), parts[i]));
        for (struct value v; value_next(&it, &v);) {
            const struct node *item = node_find(items, "key", it.key);
            if (items && !item)
                continue;
            struct str text = value_text(f->arena, v, ""), raw;
            if ((kind == SOURCE_SECRET || i == 1) && base64_decode(f->arena, text, &raw) == 0)
                text = raw;
            add(f, item ? node_str(item, "path") : it.key, arena_str(f->arena, text),
                item_mode(item, mode), false);
            found++;
        }
    }
    if (items && found < node_count(items) && !optional)
        return volume_error(m, "references non-existent %s key: %.*s", what,
                            STR_ARG(node_str(node_item(items, found), "key")));
    return 0;
}

static int add_downward(struct mounted *m, struct volume_files *f, const struct node *from,
                        int64_t mode)
{
    node_each(item, node_at(from, "items"))
    {
        bool known = true;
        struct str value;
        if (node_at(item, "resourceFieldRef"))
            value = resource_ref(f->arena, m->pod, node_at(item, "resourceFieldRef"), NULL);
        else
            value = field_ref(f->arena, m->pod, node_str(item, "fieldRef.fieldPath"), &known);
        if (!known)
            return volume_error(m, "unsupported fieldPath: %.*s",
                                STR_ARG(node_str(item, "fieldRef.fieldPath")));
        add(f, node_str(item, "path"), value, item_mode(item, mode), false);
    }
    return 0;
}

/* Tokens. */

static void on_token(void *user, const struct sealed *object, const struct status *st)
{
    struct volume_token *t = user;
    struct pod *p = t->volume->pod;
    int64_t now_us = agent_now_us(p->agent);
    t->asked = false;
    if (object) {
        struct value root = sealed_root(object);
        struct arena a = ARENA_INIT;
        int64_t expiry_us = now_us + (int64_t)TOKEN_SECONDS * 1000000;
        text_set(&t->text, value_str(root, "status.token"));
        if (time_parse(value_text(&a, root, "status.expirationTimestamp"), &expiry_us) < 0)
            expiry_us = now_us + (int64_t)TOKEN_SECONDS * 1000000;
        t->expiry_us = expiry_us;
        /* At 80 % of its life, or after a day; not at once again where this clock is ahead of the
         * server's by more than its life. */
        int64_t life_us = MIN((expiry_us - now_us) / 5 * 4, 86400ll * 1000000);
        t->refresh_us = now_us + MAX(life_us, (int64_t)TOKEN_RETRY_US);
        arena_release(&a);
    } else {
        t->refresh_us = now_us + TOKEN_RETRY_US;
        (void)!volume_error(t->volume, "failed to fetch token: %.*s",
                            STR_ARG(st ? st->message : STR("no answer")));
        timer_start(&p->retry, RETRY_MS);
    }
    pod_kick(p);
    pod_call_end(p);
}

static void ask_token(struct volume_token *t, int64_t seconds)
{
    struct pod *p = t->volume->pod;
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a), *bound = node_need_map(&a, request, "spec.boundObjectRef");
    struct str account = node_str(p->tree, "spec.serviceAccountName");
    node_put_str(&a, request, "apiVersion", STR("authentication.k8s.io/v1"));
    node_put_str(&a, request, "kind", STR("TokenRequest"));
    node_put_int(&a, request, "spec.expirationSeconds", seconds);
    struct node *audiences = node_need_list(&a, request, "spec.audiences");
    if (t->audience)
        node_append(&a, audiences, node_text(&a, str_from(t->audience)));
    node_put_str(&a, bound, "apiVersion", STR("v1"));
    node_put_str(&a, bound, "kind", STR("Pod"));
    node_put_str(&a, bound, "name", str_from(p->name));
    node_put_str(&a, bound, "uid", str_from(p->uid));
    t->asked = true;
    pod_call_begin(p);
    client_post(p->agent->client, client_resource(p->agent->client, "", "v1", "serviceaccounts"),
                str_from(p->ns), account.len ? account : STR("default"), "token", request, on_token,
                t);
    arena_release(&a);
}

static struct volume_token *token_of(struct mounted *m, const struct node *source)
{
    struct str path = node_str(source, "path");
    for (size_t i = 0; i < m->tokens.count; i++) {
        if (str_is(path, m->tokens.items[i]->path))
            return m->tokens.items[i];
    }
    struct volume_token *t = mem_alloc(sizeof(*t));
    t->volume = m;
    t->path = text_copy(path);
    text_set(&t->audience, node_str(source, "audience"));
    vec_push(&m->tokens, t);
    return t;
}

static int add_token(struct mounted *m, struct volume_files *f, const struct node *source,
                     int64_t mode)
{
    struct volume_token *t = token_of(m, source);
    int64_t now_us = agent_now_us(m->pod->agent);
    bool due = !t->text || now_us >= t->refresh_us;
    if (due && !t->asked && now_us >= t->refresh_us)
        ask_token(t, node_num(source, "expirationSeconds", TOKEN_SECONDS));
    if (!t->text)
        return 1;
    const struct node *context = node_at(m->pod->tree, "spec.securityContext");
    bool own = node_at(context, "runAsUser");
    if (own || node_at(context, "fsGroup"))
        mode = TOKEN_MODE_OWNED;
    add(f, str_from(t->path), str_from(t->text), mode, own);
    return 0;
}

static int add_projected(struct mounted *m, struct volume_files *f, const struct node *projected,
                         int64_t mode)
{
    int result = 0;
    node_each(source, node_at(projected, "sources"))
    {
        int one = 0;
        const struct node *map = node_at(source, "configMap"), *secret = node_at(source, "secret");
        const struct node *token = node_at(source, "serviceAccountToken"),
                          *downward = node_at(source, "downwardAPI");
        if (map)
            one = add_object(m, f, SOURCE_CONFIGMAP, map, node_str(map, "name"), mode);
        else if (secret)
            one = add_object(m, f, SOURCE_SECRET, secret, node_str(secret, "name"), mode);
        else if (downward)
            one = add_downward(m, f, downward, mode);
        else if (token)
            one = add_token(m, f, token, mode);
        else
            one = volume_error(m, "a projected source of this kind is not supported");
        if (one != 0 && result >= 0)
            result = one;
    }
    return result;
}

static int collect(struct mounted *m, const struct node *volume, struct volume_files *f)
{
    const struct node *map = node_at(volume, "configMap"), *secret = node_at(volume, "secret");
    const struct node *downward = node_at(volume, "downwardAPI"),
                      *projected = node_at(volume, "projected");
    const struct node *own = map ? map : secret ? secret : downward ? downward : projected;
    int64_t mode = node_num(own, "defaultMode", MODE_DEFAULT);
    if (map)
        return add_object(m, f, SOURCE_CONFIGMAP, map, node_str(map, "name"), mode);
    if (secret)
        return add_object(m, f, SOURCE_SECRET, secret, node_str(secret, "secretName"), mode);
    if (downward)
        return add_downward(m, f, downward, mode);
    return add_projected(m, f, projected, mode);
}

int volume_files_set_up(struct mounted *m, const struct node *volume)
{
    struct arena arena = ARENA_INIT;
    struct volume_files files = {.arena = &arena};
    int result = collect(m, volume, &files);
    if (result == 0) {
        bool memory = !node_at(volume, "configMap");
        int err = dir_make(m->path, 0777);
        if (err == 0 && memory && !m->tmpfs && !mount_is(m->path)) {
            err = mount_tmpfs(m->path, "mode=0777,size=16m");
            m->tmpfs = err == 0;
        }
        if (err == 0)
            err = volume_write(m, &files);
        if (err < 0)
            result = volume_error(m, "can't write the volume: %s", strerror(-err));
    }
    vec_release(&files.items);
    arena_release(&arena);
    return result;
}
