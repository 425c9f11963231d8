#include "cli/kubeconfig_name.h"

#include "base/encode.h"
#include "net/digest.h"
#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    TAG_BYTES = 4,
    NOTES_BYTES_MAX = 1 << 20,
    TURN_MS = 5000
};

struct str kubeconfig_plain_name(struct arena *a, struct str cluster)
{
    return arena_printf(a, "kaname/%.*s", STR_ARG(cluster));
}

static struct str tagged_name(struct arena *a, const struct kubeconfig_owner *owner)
{
    uint8_t digest[SHA256_BYTES];
    digest_sha256(owner->directory, digest);
    return arena_printf(a, "kaname/%.*s@%.*s", STR_ARG(owner->cluster),
                        STR_ARG(hex_encode(a, digest, TAG_BYTES)));
}

static bool is_there(const struct node *config, struct str name)
{
    static const char *const lists[] = {"clusters", "contexts", "users"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        if (node_find(node_at(config, lists[i]), "name", name))
            return true;
    return false;
}

/* What stands behind --data-dir in the command that makes its tokens; somebody else's user has
 * none. */
static struct str directory_of(const struct node *user)
{
    const struct node *args = node_at(user, "user.exec.args");
    for (size_t i = 0; i + 1 < node_count(args); i++)
        if (str_is(node_str(node_item(args, i), ""), "--data-dir"))
            return node_str(node_item(args, i + 1), "");
    return STR_NONE;
}

bool kubeconfig_name_is_own(const struct node *config, struct str name,
                            const struct kubeconfig_owner *owner)
{
    const struct node *user = node_find(node_at(config, "users"), "name", name);
    return user ? str_equal(directory_of(user), owner->directory) : is_there(config, name);
}

static bool is_free(struct arena *a, const struct node *config, struct str name,
                    const struct kubeconfig_owner *owner)
{
    const struct node *user = node_find(node_at(config, "users"), "name", name);
    struct str directory = directory_of(user);
    if (!user || str_equal(directory, owner->directory))
        return true;
    return !str_empty(directory) && !file_exists(arena_cstr(a, directory));
}

struct str kubeconfig_name_of(struct arena *a, const struct node *config,
                              const struct kubeconfig_owner *owner)
{
    struct str plain = kubeconfig_plain_name(a, owner->cluster);
    struct str tagged = tagged_name(a, owner);
    /* One that was made beside another's stays what it is when that has gone. */
    if (kubeconfig_name_is_own(config, tagged, owner))
        return tagged;
    return is_free(a, config, plain, owner) ? plain : tagged;
}

static const char *notes_path(struct arena *a, const char *directory)
{
    return arena_printf(a, "%s/kubeconfigs", directory).data;
}

/* One path a line. */
struct node *kubeconfig_remembered(struct arena *a, const char *directory)
{
    struct node *list = node_list(a);
    struct str text;
    if (file_read_whole(a, notes_path(a, directory), NOTES_BYTES_MAX, &text))
        return list;
    while (text.data) {
        struct str line = str_cut(&text, '\n');
        if (!str_empty(line))
            node_append(a, list, node_text_copy(a, line));
    }
    return list;
}

void kubeconfig_remember(struct arena *a, const char *directory, const char *path)
{
    const char *notes = notes_path(a, directory);
    struct buf text = BUF_INIT;
    int turn;
    if (strchr(path, '\n') || turn_take(arena_printf(a, "%s.lock", notes).data, TURN_MS, &turn))
        return;
    bool known = false;
    node_each(one, kubeconfig_remembered(a, directory))
    {
        known |= str_is(one->text, path);
        buf_printf(&text, "%.*s\n", STR_ARG(one->text));
    }
    buf_printf(&text, "%s\n", path);
    if (!known) {
        int unnoted maybe_unused = file_write_whole(notes, buf_str(&text), 0600);
    }
    turn_end(turn);
    buf_release(&text);
}
