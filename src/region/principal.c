#include "region/principal.h"

#include "base/log.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "region/deputy.h"
#include "sys/random.h"
#include "sys/whole_file.h"

static const char upper_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char key_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* For `kaname env`: the root user's key pair, readable by the owner of the region alone. */
static int write_credentials(struct region *r, struct arena *a, const struct node *key,
                             struct status *st)
{
    struct node *file = node_map(a);
    struct buf text = BUF_INIT;
    if (r->deputy) {
        int refused =
            deputy_write_credentials(r->deputy, node_str(key, "metadata.name"),
                                     node_str(key, "spec.secretAccessKey"), r->account, r->name);
        return refused ? status_internal(st, "credentials.json can't be written") : 0;
    }
    node_put_str(a, file, "accessKeyId", node_str(key, "metadata.name"));
    node_put_str(a, file, "secretAccessKey", node_str(key, "spec.secretAccessKey"));
    node_put_str(a, file, "account", r->account);
    node_put_str(a, file, "region", r->name);
    node_to_json(&text, file, 0);
    buf_putc(&text, '\n');
    struct str path = arena_printf(a, "%s/credentials.json", r->directory);
    int err = file_write_whole(path.data, buf_str(&text), 0600);
    buf_release(&text);
    return err ? status_internal(st, "%s can't be written", path.data) : 0;
}

static int make_account(struct region *r, struct arena *a, struct status *st)
{
    char digits[13], id[17], secret[41];
    random_text(digits, 12, "0123456789");
    digits[0] = digits[0] == '0' ? '1' : digits[0];
    random_text(id, 16, upper_and_digits);
    random_text(secret, 40, key_alphabet);
    struct node *account = state_object(a, STATE_ACCOUNT, STR("account"));
    struct node *root = state_object(a, STATE_PRINCIPAL, STR("root"));
    struct node *key = state_object(a, STATE_ACCESS_KEY, arena_printf(a, "AKIA%s", id));
    node_put_str(a, account, "spec.id", str_from(digits));
    node_put_str(a, account, "spec.region", r->name);
    node_put_str(a, root, "spec.arn", arena_printf(a, "arn:aws:iam::%s:root", digits));
    node_put_str(a, root, "spec.userId", str_from(digits));
    node_put_str(a, key, "spec.principal", STR("root"));
    node_put_str(a, key, "spec.secretAccessKey", str_from(secret));
    node_put_str(a, key, "spec.status", STR("Active"));
    if (state_create(r->state, a, STATE_PRINCIPAL, root, st) ||
        state_create(r->state, a, STATE_ACCESS_KEY, key, st))
        return -1;
    return state_create(r->state, a, STATE_ACCOUNT, account, st);
}

static bool first_root_key(void *arg, const struct sealed *object)
{
    struct str *name = arg;
    if (!str_is(value_str(sealed_root(object), "spec.principal"), "root"))
        return true;
    *name = object_name(object);
    return false;
}

int principal_bootstrap(struct region *r, struct status *st)
{
    struct arena *a = st->arena;
    if (!state_get(r->state, STATE_ACCOUNT, STR("account")) && make_account(r, a, st))
        return -1;
    struct node *account = state_tree(r->state, a, STATE_ACCOUNT, STR("account"));
    struct str id = node_str(account, "spec.id"), name = node_str(account, "spec.region");
    mem_free((void *)r->account.data);
    mem_free((void *)r->name.data);
    r->account = (struct str){mem_dup(id.data, id.len), id.len};
    r->name = (struct str){mem_dup(name.data, name.len), name.len};

    struct str key_name = STR_NONE;
    state_each(r->state, STATE_ACCESS_KEY, STR_NONE, first_root_key, &key_name);
    if (str_empty(key_name))
        return 0; /* the root user's keys were deleted: so it shall stay */
    return write_credentials(r, a, state_tree(r->state, a, STATE_ACCESS_KEY, key_name), st);
}

bool principal_by_key(struct region *r, struct arena *a, struct str access_key,
                      struct principal *ret, struct str *ret_secret)
{
    if (name_path_segment(access_key) || str_empty(access_key) || access_key.len > 128)
        return false;
    const struct sealed *key = state_get(r->state, STATE_ACCESS_KEY, access_key);
    if (!key || !str_is(value_str(sealed_root(key), "spec.status"), "Active"))
        return false;
    struct str name = arena_str(a, value_str(sealed_root(key), "spec.principal"));
    struct str secret = arena_str(a, value_str(sealed_root(key), "spec.secretAccessKey"));
    const struct sealed *principal = state_get(r->state, STATE_PRINCIPAL, name);
    if (!principal)
        return false;
    struct value spec = value_at(sealed_root(principal), "spec");
    *ret = (struct principal){.arn = arena_str(a, value_str(spec, "arn")),
                              .user_id = arena_str(a, value_str(spec, "userId")),
                              .access_key = arena_str(a, access_key)};
    *ret_secret = secret;
    return true;
}

struct str principal_canonical(struct arena *a, struct str arn)
{
    /* arn:P:sts::A:assumed-role/R/S is arn:P:iam::A:role/R */
    ssize_t sts = str_find_str(arn, STR(":sts::"));
    ssize_t role = str_find_str(arn, STR(":assumed-role/"));
    if (sts >= 0 && role > sts) {
        struct str rest = str_slice(arn, (size_t)role + strlen(":assumed-role/"), arn.len);
        struct str name = str_cut(&rest, '/');
        struct str account = str_slice(arn, (size_t)sts + strlen(":sts::"), (size_t)role);
        arn = arena_printf(a, "%.*s:iam::%.*s:role/%.*s", (int)sts, arn.data, STR_ARG(account),
                           STR_ARG(name));
    }
    char *lower = arena_cstr(a, arn);
    for (size_t i = 0; i < arn.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + 32);
    return (struct str){lower, arn.len};
}
