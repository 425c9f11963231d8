/* Fields that volumes of pods and persistent volumes have alike. */
#include "api/kinds/pod_spec.h"

#define BAD_MODE "must be a number between 0 and 0777 (octal), both inclusive"

void check_file_mode(struct check *c, const struct node *parent, struct str base,
                     const char *member)
{
    int64_t mode = node_num(parent, member, 0);
    if (mode < 0 || mode > 0777)
        invalid_number(c, path_of(c, base, member), mode, "%s", BAD_MODE);
}

void check_no_backsteps(struct check *c, struct str text, struct str path)
{
    for (struct str rest = text; rest.data && rest.len;)
        if (str_is(str_cut(&rest, '/'), "..")) {
            field_invalid(c->st, path, text, "must not contain '..'");
            return;
        }
}

void check_relative_path(struct check *c, struct str text, struct str path)
{
    if (str_starts(text, "/"))
        field_invalid(c->st, path, text, "must be a relative path");
    check_no_backsteps(c, text, path);
}

void check_csi_driver_name(struct check *c, struct str name, struct str path)
{
    if (str_empty(name)) {
        field_required(c->st, path, "%s", "");
        return;
    }
    if (name.len > 63)
        field_too_long(c->st, path, 63);
    char *lower = arena_cstr(c->a, name);
    for (size_t i = 0; i < name.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + 32);
    const char *fault = name_dns1123_subdomain((struct str){lower, name.len});
    if (fault)
        field_invalid(c->st, path, name, "%s", fault);
}
