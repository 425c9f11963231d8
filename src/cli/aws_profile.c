#include "cli/aws_profile.h"

#include <errno.h>

#include "cli/trouble.h"
#include "region/endpoint.h"
#include "sys/file_owner.h"
#include "sys/privilege.h"
#include "sys/whole_file.h"

enum {
    INI_BYTES_MAX = 4 << 20
};

#define MARK "# made by kaname env --profile\n"

int ini_put_section(struct arena *a, struct str text, struct str header, struct str lines,
                    struct str *ret)
{
    struct str rest = text;
    size_t from = text.len, to = text.len;
    bool inside = false;
    while (rest.data && rest.len) {
        size_t at = (size_t)(rest.data - text.data);
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (inside && str_starts(line, "[")) {
            to = at;
            break;
        }
        if (str_equal(line, arena_printf(a, "[%.*s]", STR_ARG(header)))) {
            inside = true;
            from = at;
            if (!rest.data || !str_starts(rest, MARK))
                return -EEXIST;
        }
    }
    bool joined = from > 0 && text.data[from - 1] != '\n';
    /* Blank lines behind the section belong to what follows. */
    while (to > from + 1 && to < text.len && text.data[to - 1] == '\n' && text.data[to - 2] == '\n')
        to--;
    *ret = arena_printf(a, "%.*s%s[%.*s]\n" MARK "%.*s%.*s", (int)from, text.data ? text.data : "",
                        joined ? "\n" : "", STR_ARG(header), STR_ARG(lines),
                        STR_ARG(str_slice(text, to, text.len)));
    return 0;
}

static struct str path_of(struct arena *a, const char *variable, const char *name)
{
    const char *given = getenv(variable);
    struct person person;
    if (given && *given)
        return arena_str(a, str_from(given));
    person_at_keyboard(a, &person);
    return arena_printf(a, "%.*s/.aws/%s", STR_ARG(person.home), name);
}

static int put(struct arena *a, struct str path, struct str header, struct str lines,
               bool *ret_changed, struct status *st)
{
    struct str text = STR_NONE, now;
    struct person person;
    struct file_about about;
    ssize_t slash = str_find_last(path, '/');
    person_at_keyboard(a, &person);
    if (file_about(path.data, &about) == 0) {
        person.user = about.user;
        person.group = about.group;
        if (file_read_whole(a, path.data, INI_BYTES_MAX, &text))
            return trouble_set(st, KN_FILE_UNREADABLE, "%.*s can't be read", STR_ARG(path));
    }
    if (ini_put_section(a, text, header, lines, &now))
        return trouble_set(st, KN_SETTING_DIFFERS,
                           "[%.*s] in %.*s is somebody else's; take another name: --profile "
                           "kaname",
                           STR_ARG(header), STR_ARG(path));
    if (str_equal(now, text))
        return 0;
    const char *folder = arena_cstr(a, str_slice(path, 0, (size_t)MAX(slash, 0)));
    bool fresh = *folder && !file_exists(folder);
    int err = fresh ? directory_make(folder, 0700) : 0;
    if (!err && fresh && privilege_is_root())
        err = file_give(folder, person.user, person.group);
    if (!err)
        err =
            file_write_owned(file_resolve(a, path.data).data, now, 0600, person.user, person.group);
    if (err)
        return trouble_set(st, KN_FILE_UNWRITABLE, "%.*s can't be written: %s", STR_ARG(path),
                           strerrordesc_np(-err));
    *ret_changed = true;
    return 0;
}

int aws_profile_write(struct arena *a, const struct region_access *r, const char *name, bool tls,
                      bool *ret_changed, struct status *st)
{
    bool usual = strcmp(name, "default") == 0;
    struct str config = arena_printf(a, "region = %.*s\nendpoint_url = %s://127.0.0.1:%u\n",
                                     STR_ARG(r->name), tls ? "https" : "http", r->port);
    if (tls)
        config = arena_printf(a, "%.*sca_bundle = %s\n", STR_ARG(config),
                              endpoint_authority_path(a, r->directory.data).data);
    struct str keys = arena_printf(a, "aws_access_key_id = %.*s\naws_secret_access_key = %.*s\n",
                                   STR_ARG(r->access_key), STR_ARG(r->secret_key));
    *ret_changed = false;
    if (put(a, path_of(a, "AWS_CONFIG_FILE", "config"),
            arena_printf(a, "%s%s", usual ? "" : "profile ", name), config, ret_changed, st))
        return -1;
    return put(a, path_of(a, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), str_from(name), keys,
               ret_changed, st);
}
