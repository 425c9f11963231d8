#include "cluster/authority.h"

#include <errno.h>

#include "object/seal.h"
#include "sys/whole_file.h"

enum {
    KEYS_BYTES_MAX = 64 << 10
};

int cluster_authority_read(struct arena *a, const char *directory, struct pki_pair *ret)
{
    struct str text;
    struct node *keys;
    struct status st;
    status_init(&st, a);
    int err =
        file_read_whole(a, arena_printf(a, "%s/keys.json", directory).data, KEYS_BYTES_MAX, &text);
    if (err)
        return err;
    if (json_parse(a, text, &keys, &st))
        return -EBADMSG;
    ret->certificate_pem = node_str(node_get(keys, STR("ca.crt")), "");
    ret->key_pem = node_str(node_get(keys, STR("ca.key")), "");
    return str_empty(ret->certificate_pem) || str_empty(ret->key_pem) ? -EBADMSG : 0;
}

int cluster_authority_issue(struct arena *a, const char *directory, const char *name,
                            const char *const *groups, int64_t valid_s, struct pki_pair *ret_client,
                            struct str *ret_ca_pem)
{
    struct pki_pair authority;
    int err = cluster_authority_read(a, directory, &authority);
    if (err)
        return err;
    const struct pki_request request = {
        .common_name = name, .organizations = groups, .client = true, .valid_s = valid_s};
    *ret_ca_pem = authority.certificate_pem;
    return pki_issue(a, &authority, &request, ret_client);
}
