/* Name rules (scalar.h), each a hand-written matcher for the original's regular expression. */
#include "object/scalar.h"

#define LABEL_1123   "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define LABEL_1035   "[a-z]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED    "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define TOO_LONG_63  "must be no more than 63 bytes"
#define TOO_LONG_253 "must be no more than 253 bytes"
#define BAD_SUBDOMAIN                                                                              \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '" LABEL_1123 "(\\." LABEL_1123 ")*')"
#define BAD_QUALIFIED                                                                              \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '" QUALIFIED "')"

enum {
    LABEL_MAX = 63,
    SUBDOMAIN_MAX = 253
};

static bool lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool alphanumeric(char c)
{
    return lower(c) || digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_label(struct str s)
{
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool edge = i == 0 || i == s.len - 1;
        if (!lower(s.data[i]) && !digit(s.data[i]) && (edge || s.data[i] != '-'))
            return false;
    }
    return true;
}

static bool is_subdomain(struct str s)
{
    if (s.len == 0)
        return false;
    for (size_t from = 0;;) {
        size_t to = from;
        while (to < s.len && s.data[to] != '.')
            to++;
        if (!is_label(str_slice(s, from, to)))
            return false;
        if (to == s.len)
            return true;
        from = to + 1;
    }
}

static bool is_qualified_part(struct str s)
{
    if (s.len == 0 || !alphanumeric(s.data[0]) || !alphanumeric(s.data[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!alphanumeric(s.data[i]) && s.data[i] != '-' && s.data[i] != '_' && s.data[i] != '.')
            return false;
    return true;
}

const char *name_dns1123_label(struct str s)
{
    if (s.len > LABEL_MAX)
        return "must be no more than 63 characters";
    if (is_label(s))
        return NULL;
    if (is_subdomain(s))
        return "must not contain dots";
    return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
           "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
           "regex used for validation is '" LABEL_1123 "')";
}

const char *name_dns1123_subdomain(struct str s)
{
    if (s.len > SUBDOMAIN_MAX)
        return "must be no more than 253 characters";
    return is_subdomain(s) ? NULL : BAD_SUBDOMAIN;
}

const char *name_dns1035_label(struct str s)
{
    if (s.len > LABEL_MAX)
        return "must be no more than 63 characters";
    if (is_label(s) && lower(s.data[0]))
        return NULL;
    return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
           "an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
           "'abc-123', regex used for validation is '" LABEL_1035 "')";
}

const char *name_path_segment(struct str s)
{
    if (str_is(s, "."))
        return "may not be '.'";
    if (str_is(s, ".."))
        return "may not be '..'";
    if (str_find(s, '/') >= 0)
        return "may not contain '/'";
    return str_find(s, '%') >= 0 ? "may not contain '%'" : NULL;
}

const char *name_qualified(struct str s)
{
    ssize_t slash = str_find(s, '/');
    struct str name = s;
    if (slash >= 0) {
        struct str prefix = str_slice(s, 0, (size_t)slash);
        name = str_slice(s, (size_t)slash + 1, s.len);
        if (str_find(name, '/') >= 0)
            return "a valid label key " BAD_QUALIFIED
                   " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
        if (prefix.len == 0)
            return "prefix part must be non-empty";
        if (prefix.len > SUBDOMAIN_MAX)
            return "prefix part " TOO_LONG_253;
        if (!is_subdomain(prefix))
            return "prefix part " BAD_SUBDOMAIN;
    }
    if (name.len == 0)
        return "name part must be non-empty";
    if (name.len > LABEL_MAX)
        return "name part " TOO_LONG_63;
    return is_qualified_part(name) ? NULL : "name part " BAD_QUALIFIED;
}

const char *name_label_value(struct str s)
{
    if (s.len > LABEL_MAX)
        return TOO_LONG_63;
    if (s.len == 0 || is_qualified_part(s))
        return NULL;
    return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
           "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
           "'my_value',  or '12345', regex used for validation is '(" QUALIFIED ")?')";
}
