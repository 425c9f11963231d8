#include "cli/kubeconfig.h"

#include <errno.h>

#include "cli/call.h"
#include "object/seal.h"
#include "sys/privilege.h"
#include "sys/whole_file.h"

enum {
    KUBECONFIG_BYTES_MAX = 16 << 20,
    LOCK_TRIES = 200,
    LOCK_WAIT_MS = 10
};

#define FORMER_CONTEXT "kaname.dev/former-context"

struct str kubeconfig_path(struct arena *a, const char *given)
{
    if (given)
        return arena_str(a, str_from(given));
    struct str list = str_from(getenv("KUBECONFIG")), last = STR_NONE;
    while (list.data) {
        struct str path = str_cut(&list, ':');
        if (str_empty(path))
            continue;
        last = arena_str(a, path);
        if (file_exists(last.data))
            return last;
    }
    if (last.data)
        return last;
    struct person person;
    person_at_keyboard(a, &person);
    return arena_printf(a, "%.*s/.kube/config", STR_ARG(person.home));
}

static struct node *named(struct arena *a, struct node *config, const char *list_name,
                          struct str name)
{
    struct node *list = node_need_list(a, config, list_name);
    struct node *item = node_find(list, "name", name);
    if (!item) {
        item = node_map(a);
        node_put_str(a, item, "name", name);
        node_append(a, list, item);
    }
    return item;
}

static void add_entry(struct arena *a, struct node *config, const struct kubeconfig_entry *e)
{
    struct str name = arena_printf(a, "kaname/%.*s", STR_ARG(e->cluster));
    struct node *cluster = named(a, config, "clusters", name);
    struct node *user = named(a, config, "users", name);
    struct node *context = named(a, config, "contexts", name);
    node_put_str(a, cluster, "cluster.server", e->endpoint);
    node_put_str(a, cluster, "cluster.certificate-authority-data", e->ca_base64);
    struct node *exec = node_map(a);
    const struct str args[] = {STR("token"), STR("--cluster"), e->cluster, STR("--data-dir"),
                               e->directory};
    node_put_str(a, exec, "apiVersion", STR("client.authentication.k8s.io/v1"));
    node_put_str(a, exec, "command", e->program);
    for (size_t i = 0; i < ARRAY_COUNT(args); i++)
        node_append(a, node_need_list(a, exec, "args"), node_text_copy(a, args[i]));
    node_put_str(a, exec, "interactiveMode", STR("Never"));
    node_put_bool(a, exec, "provideClusterInfo", false);
    node_put(a, user, "user.exec", exec);
    node_put_str(a, context, "context.cluster", name);
    node_put_str(a, context, "context.user", name);
}

static struct node *empty_config(struct arena *a)
{
    struct node *config = node_map(a);
    node_put_str(a, config, "apiVersion", STR("v1"));
    node_put_str(a, config, "kind", STR("Config"));
    node_need_map(a, config, "preferences");
    return config;
}

struct str kubeconfig_text(struct arena *a, const struct kubeconfig_entry *entry)
{
    struct node *config = empty_config(a);
    struct buf text = BUF_INIT;
    add_entry(a, config, entry);
    node_put_str(a, config, "current-context",
                 arena_printf(a, "kaname/%.*s", STR_ARG(entry->cluster)));
    node_to_yaml(&text, config);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

/* client-go's lock: FILE.lock, made exclusively. 0 or -errno. */
static int lock(const char *path)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int err = file_make_exclusive(path);
        if (err != -EEXIST)
            return err;
        wait_ms(LOCK_WAIT_MS);
    }
    return -EBUSY;
}

static int read_config(struct arena *a, struct str path, struct str *ret_text, struct node **ret,
                       struct status *st)
{
    int err = file_read_whole(a, path.data, KUBECONFIG_BYTES_MAX, ret_text);
    *ret = empty_config(a);
    if (err == -ENOENT || (!err && str_empty(str_trim(*ret_text)))) {
        *ret_text = STR_NONE;
        return 0;
    }
    if (err)
        return status_internal(st, "%.*s can't be read", STR_ARG(path));
    struct node *config;
    if (yaml_parse(a, *ret_text, &config, st))
        return -1;
    if (config->kind != NODE_MAP)
        return status_set(st, REASON_INVALID, "%.*s is no kubeconfig: it is left as it is",
                          STR_ARG(path));
    *ret = config;
    return 0;
}

static int write_config(struct arena *a, struct str path, struct str before,
                        const struct node *config, bool *ret_changed, struct status *st)
{
    struct buf text = BUF_INIT;
    struct person person;
    node_to_yaml(&text, config);
    *ret_changed = !str_equal(buf_str(&text), before);
    int err = *ret_changed ? file_write_whole(path.data, buf_str(&text), 0600) : 0;
    buf_release(&text);
    person_at_keyboard(a, &person);
    if (!err && privilege_is_root() && person.user != 0) {
        struct str folder = str_slice(path, 0, (size_t)MAX(str_find_last(path, '/'), 0));
        err = file_give(path.data, person.user, person.group);
        if (!err && str_ends(folder, "/.kube"))
            err = file_give(arena_cstr(a, folder), person.user, person.group);
    }
    return err ? status_internal(st, "%.*s can't be written", STR_ARG(path)) : 0;
}

/* Reads, changes and writes under the lock. */
static int change(struct arena *a, struct str path,
                  void (*edit)(struct arena *a, struct node *config, void *arg), void *arg,
                  bool *ret_changed, struct status *st)
{
    struct str text;
    struct node *config;
    struct str lock_path = arena_printf(a, "%.*s.lock", STR_ARG(path));
    ssize_t slash = str_find_last(path, '/');
    if (slash > 0 && directory_make(arena_cstr(a, str_slice(path, 0, (size_t)slash)), 0700))
        return status_internal(st, "the folder of %.*s can't be made", STR_ARG(path));
    int err = lock(lock_path.data);
    if (err)
        return status_internal(st, "%.*s is locked by another program; if none runs, remove %.*s",
                               STR_ARG(path), STR_ARG(lock_path));
    int result = read_config(a, path, &text, &config, st);
    if (!result) {
        edit(a, config, arg);
        result = write_config(a, path, text, config, ret_changed, st);
    }
    file_remove(lock_path.data);
    return result;
}

struct merge {
    const struct kubeconfig_entry *entry;
    bool switch_context;
};

static void edit_merge(struct arena *a, struct node *config, void *arg)
{
    const struct merge *m = arg;
    struct str name = arena_printf(a, "kaname/%.*s", STR_ARG(m->entry->cluster));
    struct str current = node_str(config, "current-context");
    add_entry(a, config, m->entry);
    if (!m->switch_context || str_equal(current, name))
        return;
    /* Remembered in the context's own extensions, where kubectl keeps what it doesn't know. */
    struct node *context = node_find(node_at(config, "contexts"), "name", name);
    struct node *extension = node_map(a);
    node_put_str(a, extension, "name", STR(FORMER_CONTEXT));
    node_put_str(a, extension, "extension", current);
    struct node *list = node_list(a);
    node_append(a, list, extension);
    if (!str_empty(current))
        node_put(a, context, "context.extensions", list);
    node_put_str(a, config, "current-context", name);
}

int kubeconfig_merge(struct arena *a, struct str path, const struct kubeconfig_entry *entry,
                     bool switch_context, bool *ret_changed, struct status *st)
{
    struct merge m = {entry, switch_context};
    return change(a, path, edit_merge, &m, ret_changed, st);
}

static void remove_named(struct node *config, const char *list_name, struct str name)
{
    struct node *list = node_at(config, list_name);
    for (size_t i = 0; i < node_count(list); i++)
        if (str_equal(node_str(node_item(list, i), "name"), name))
            node_list_remove(list, i--);
}

static void edit_remove(struct arena *a, struct node *config, void *arg)
{
    const struct str *cluster = arg;
    struct str name = arena_printf(a, "kaname/%.*s", STR_ARG(*cluster));
    const struct node *context = node_find(node_at(config, "contexts"), "name", name);
    const struct node *former =
        node_find(node_at(context, "context.extensions"), "name", STR(FORMER_CONTEXT));
    struct str before = node_str(former, "extension");
    if (str_equal(node_str(config, "current-context"), name)) {
        if (!str_empty(before) && node_find(node_at(config, "contexts"), "name", before))
            node_put_str(a, config, "current-context", before);
        else
            node_del(config, "current-context");
    }
    remove_named(config, "clusters", name);
    remove_named(config, "users", name);
    remove_named(config, "contexts", name);
}

int kubeconfig_remove(struct arena *a, struct str path, struct str cluster, bool *ret_changed,
                      struct status *st)
{
    *ret_changed = false;
    if (!file_exists(path.data))
        return 0;
    return change(a, path, edit_remove, &cluster, ret_changed, st);
}
