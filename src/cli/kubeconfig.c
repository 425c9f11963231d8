#include "cli/kubeconfig.h"

#include <errno.h>

#include "cli/call.h"
#include "cli/cli.h"
#include "cli/trouble.h"
#include "cli/yaml_edit.h"
#include "object/seal.h"
#include "sys/daemon.h"
#include "sys/file_owner.h"
#include "sys/lock_file.h"
#include "sys/privilege.h"
#include "sys/random.h"
#include "sys/terminal.h"
#include "sys/whole_file.h"

enum {
    KUBECONFIG_BYTES_MAX = 16 << 20,
    LOCK_PATIENCE_US = 60000000, /* others change the file, one after the other */
    LOCK_STALE_US = 3000000      /* one of them takes too long for that */
};

#define FORMER_CONTEXT "kaname.dev/former-context"

struct kubeconfig_entry kubeconfig_entry_of(struct arena *a, const struct node *cluster,
                                            const char *directory)
{
    return (struct kubeconfig_entry){.owner = {node_str(cluster, "name"), str_from(directory)},
                                     .endpoint = node_str(cluster, "endpoint"),
                                     .ca_base64 = node_str(cluster, "certificateAuthority.data"),
                                     .program = program_path(a)};
}

struct str kubeconfig_default(struct arena *a)
{
    struct person person;
    person_at_keyboard(a, &person);
    return arena_printf(a, "%.*s/.kube/config", STR_ARG(person.home));
}

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
    return kubeconfig_default(a);
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

static void add_entry(struct arena *a, struct node *config, const struct kubeconfig_entry *e,
                      struct str name)
{
    struct node *cluster = named(a, config, "clusters", name);
    struct node *user = named(a, config, "users", name);
    struct node *context = named(a, config, "contexts", name);
    node_put_str(a, cluster, "cluster.server", e->endpoint);
    node_put_str(a, cluster, "cluster.certificate-authority-data", e->ca_base64);
    /* Member by member: what somebody added stays. */
    struct node *exec = node_need_map(a, user, "user.exec"), *list = node_list(a);
    const struct str args[] = {STR("token"), STR("--cluster"), e->owner.cluster, STR("--data-dir"),
                               e->owner.directory};
    for (size_t i = 0; i < ARRAY_COUNT(args); i++)
        node_append(a, list, node_text_copy(a, args[i]));
    node_put_str(a, exec, "apiVersion", STR("client.authentication.k8s.io/v1"));
    node_put_str(a, exec, "command", e->program);
    node_put(a, exec, "args", list);
    node_put_str(a, exec, "interactiveMode", STR("Never"));
    node_put_bool(a, exec, "provideClusterInfo", false);
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
    struct str name = kubeconfig_plain_name(a, entry->owner.cluster);
    add_entry(a, config, entry, name);
    node_put_str(a, config, "current-context", name);
    node_to_yaml(&text, config);
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

/* client-go's lock: FILE.lock, made exclusively. Many programs may wait for it; one that holds it
 * for seconds has died. 0 or -errno. */
static int lock(const char *path)
{
    int64_t begun = wall_clock_us(), since = begun;
    struct file_about about, held = {0};
    for (;;) {
        int err = lock_file_make(path);
        if (err != -EEXIST)
            return err;
        int64_t now = wall_clock_us();
        if (file_about(path, &about))
            continue;
        if (about.inode != held.inode || about.changed_us != held.changed_us) {
            held = about;
            since = now;
        }
        if (now - since > LOCK_STALE_US || now - begun > LOCK_PATIENCE_US)
            return -EBUSY;
        uint8_t chance;
        random_bytes(&chance, 1);
        wait_ms(1 + chance % 8u);
    }
}

static int read_config(struct arena *a, struct str path, struct str *ret_text, struct node **ret,
                       struct status *st)
{
    int err = file_read_whole(a, path.data, KUBECONFIG_BYTES_MAX, ret_text);
    *ret = NULL;
    if (err == -ENOENT || (!err && str_empty(str_trim(*ret_text)))) {
        *ret_text = STR_NONE;
        return 0;
    }
    if (err)
        return trouble_set(st, KN_FILE_UNREADABLE, "%.*s can't be read: %s", STR_ARG(path),
                           strerrordesc_np(-err));
    struct node *config;
    struct status why;
    status_init(&why, a);
    if (yaml_parse(a, *ret_text, &config, &why))
        return trouble_set(st, KN_KUBECONFIG_BROKEN, "%.*s is no kubeconfig: %.*s", STR_ARG(path),
                           STR_ARG(why.message));
    if (config->kind != NODE_MAP)
        return trouble_set(st, KN_KUBECONFIG_BROKEN, "%.*s is no kubeconfig: it is no map",
                           STR_ARG(path));
    *ret = config;
    return 0;
}

/* Whose a new file is: the person's at the keyboard; one that is there keeps its owner. */
static void owner_of(struct arena *a, const char *path, uid_t *user, gid_t *group)
{
    struct file_about about;
    struct person person;
    person_at_keyboard(a, &person);
    *user = person.user;
    *group = person.group;
    if (file_about(path, &about) == 0) {
        *user = about.user;
        *group = about.group;
    }
}

/* Makes the folder, and gives a new one to the person who will use it. */
static int make_folder(struct arena *a, struct str path, struct status *st)
{
    ssize_t slash = str_find_last(path, '/');
    if (slash <= 0)
        return 0;
    const char *folder = arena_cstr(a, str_slice(path, 0, (size_t)slash));
    struct person person;
    if (file_exists(folder))
        return 0;
    int err = directory_make(folder, 0700);
    person_at_keyboard(a, &person);
    if (!err && privilege_is_root() && person.user != 0)
        err = file_give(folder, person.user, person.group);
    return err ? trouble_set(st, KN_FILE_UNWRITABLE, "the folder %s can't be made: %s", folder,
                             strerrordesc_np(-err))
               : 0;
}

/* Reads, changes and writes under the lock. */
static int change_locked(struct arena *a, struct str path,
                         void (*edit)(struct arena *a, struct node *config, void *arg), void *arg,
                         bool *ret_changed, struct status *st)
{
    struct str text, target = file_resolve(a, path.data), now;
    struct node *before;
    uid_t user;
    gid_t group;
    if (read_config(a, path, &text, &before, st))
        return -1;
    struct node *after = before ? node_copy(a, before) : empty_config(a);
    edit(a, after, arg);
    if (before && node_equal(before, after)) {
        *ret_changed = false;
        return 0;
    }
    if (before) {
        now = yaml_edit(a, text, before, after);
    } else {
        struct buf out = BUF_INIT;
        node_to_yaml(&out, after);
        now = arena_str(a, buf_str(&out));
        buf_release(&out);
    }
    owner_of(a, target.data, &user, &group);
    int err = file_write_owned(target.data, now, 0600, user, group);
    *ret_changed = !err;
    return err ? trouble_set(st, KN_FILE_UNWRITABLE, "%.*s can't be written: %s", STR_ARG(path),
                             strerrordesc_np(-err))
               : 0;
}

static int change(struct arena *a, struct str path,
                  void (*edit)(struct arena *a, struct node *config, void *arg), void *arg,
                  bool *ret_changed, struct status *st)
{
    struct str lock_path = arena_printf(a, "%.*s.lock", STR_ARG(path));
    if (make_folder(a, path, st))
        return -1;
    signals_hold();
    int err = lock(lock_path.data);
    int result = -1;
    if (!err) {
        result = change_locked(a, path, edit, arg, ret_changed, st);
        file_remove(lock_path.data);
    }
    signals_release();
    if (err == -EBUSY)
        return trouble_set(st, KN_KUBECONFIG_LOCKED, "%.*s is locked by another program: %.*s",
                           STR_ARG(path), STR_ARG(lock_path));
    if (err)
        return trouble_set(st, KN_FILE_UNWRITABLE, "%.*s can't be made: %s", STR_ARG(lock_path),
                           strerrordesc_np(-err));
    return result;
}

struct merge {
    const struct kubeconfig_entry *entry;
    bool switch_context;
    struct str name; /* that it got */
};

static void edit_merge(struct arena *a, struct node *config, void *arg)
{
    struct merge *m = arg;
    struct str name = m->name = kubeconfig_name_of(a, config, &m->entry->owner);
    struct str current = node_str(config, "current-context");
    add_entry(a, config, m->entry, name);
    if (!m->switch_context || str_equal(current, name))
        return;
    /* Remembered in the context's own extensions, where kubectl keeps what it doesn't know. */
    struct node *context = node_find(node_at(config, "contexts"), "name", name);
    struct node *extension = node_map(a);
    node_put_str(a, extension, "name", STR(FORMER_CONTEXT));
    node_put_str(a, extension, "extension.name", current);
    struct node *list = node_list(a);
    node_append(a, list, extension);
    if (!str_empty(current))
        node_put(a, context, "context.extensions", list);
    node_put_str(a, config, "current-context", name);
}

int kubeconfig_merge(struct arena *a, struct str path, const struct kubeconfig_entry *entry,
                     bool switch_context, bool *ret_changed, struct str *ret_context,
                     struct status *st)
{
    struct merge m = {.entry = entry, .switch_context = switch_context};
    char *whole cleanup_with(mem_free_ptr) = command_absolute(path.data);
    kubeconfig_remember(a, arena_cstr(a, entry->owner.directory), whole);
    if (change(a, path, edit_merge, &m, ret_changed, st))
        return -1;
    *ret_context = m.name;
    return 0;
}

static bool remove_named(struct node *config, const char *list_name, struct str name)
{
    struct node *list = node_at(config, list_name);
    bool removed = false;
    for (size_t i = 0; i < node_count(list); i++)
        if (str_equal(node_str(node_item(list, i), "name"), name)) {
            node_list_remove(list, i--);
            removed = true;
        }
    return removed;
}

/* A context of ours that is still there: contexts of clusters made one after the other remember
 * each other, and may go in any order. */
static struct str former_context(const struct node *config, struct str name)
{
    const struct node *contexts = node_at(config, "contexts");
    const struct node *context = node_find(contexts, "name", name);
    const struct node *former =
        node_find(node_at(context, "context.extensions"), "name", STR(FORMER_CONTEXT));
    return node_str(former, "extension.name");
}

/* Those who remember this context remember what was before it instead. */
static void inherit_former(struct arena *a, struct node *config, struct str name, struct str former)
{
    node_each(context, node_at(config, "contexts"))
    {
        struct node *memory =
            node_find(node_at(context, "context.extensions"), "name", STR(FORMER_CONTEXT));
        if (memory && str_equal(node_str(memory, "extension.name"), name))
            node_put_str(a, memory, "extension.name", former);
    }
}

static void edit_remove(struct arena *a, struct node *config, void *arg)
{
    const struct kubeconfig_owner *owner = arg;
    struct str name = kubeconfig_name_of(a, config, owner);
    if (!kubeconfig_name_is_own(config, name, owner))
        return;
    struct str before = former_context(config, name);
    if (str_equal(node_str(config, "current-context"), name)) {
        bool there = node_find(node_at(config, "contexts"), "name", before);
        node_put_str(a, config, "current-context", there ? before : STR(""));
    }
    inherit_former(a, config, name, before);
    remove_named(config, "clusters", name);
    remove_named(config, "users", name);
    remove_named(config, "contexts", name);
}

/* Whether the file has anything of ours, read without the lock: most have not. */
static bool mentions(struct arena *a, struct str path, struct str cluster)
{
    struct str text;
    return file_read_whole(a, path.data, KUBECONFIG_BYTES_MAX, &text) == 0 &&
           str_find_str(text, kubeconfig_plain_name(a, cluster)) >= 0;
}

static int remove_from(struct arena *a, struct str path, const struct kubeconfig_owner *owner,
                       bool *ret_changed, struct status *st)
{
    bool changed = false;
    struct kubeconfig_owner own = *owner;
    if (!mentions(a, path, own.cluster))
        return 0;
    int result = change(a, path, edit_remove, &own, &changed, st);
    *ret_changed |= changed;
    return result;
}

/* From the files that this call names. */
static int remove_from_named(struct arena *a, const char *given,
                             const struct kubeconfig_owner *owner, bool *ret_changed,
                             struct status *st)
{
    struct str list = str_from(getenv("KUBECONFIG"));
    if (given || str_empty(list))
        return remove_from(a, kubeconfig_path(a, given), owner, ret_changed, st);
    while (list.data) {
        struct str path = str_cut(&list, ':');
        if (!str_empty(path) && remove_from(a, arena_str(a, path), owner, ret_changed, st))
            return -1;
    }
    return 0;
}

int kubeconfig_remove(struct arena *a, const char *given, const struct kubeconfig_owner *owner,
                      bool *ret_changed, struct status *st)
{
    *ret_changed = false;
    if (remove_from_named(a, given, owner, ret_changed, st))
        return -1;
    node_each(path, kubeconfig_remembered(a, arena_cstr(a, owner->directory)))
    {
        if (remove_from(a, arena_str(a, path->text), owner, ret_changed, st))
            return -1;
    }
    return 0;
}
