#include "api/media.h"

static const char *const names[] = {
    [MEDIA_JSON] = "application/json",
    [MEDIA_YAML] = "application/yaml",
    [MEDIA_PROTOBUF] = "application/vnd.kubernetes.protobuf",
};

const char *media_type_name(enum media media)
{
    return names[media];
}

/* One clause of an Accept header. */
struct clause {
    struct str type;
    struct str as, group, version;
    double quality;
};

static double parse_quality(struct str text)
{
    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1'))
        return 1;
    double value = text.data[0] - '0', unit = 0.1;
    for (size_t i = 2; i < text.len; i++, unit /= 10)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            value += unit * (text.data[i] - '0');
    return value > 1 ? 1 : value;
}

static struct clause parse_clause(struct str text)
{
    struct clause c = {.quality = 1};
    c.type = str_trim(str_cut(&text, ';'));
    while (text.data) {
        struct str value = str_trim(str_cut(&text, ';'));
        struct str key = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        if (str_equal_nocase(key, STR("q")))
            c.quality = parse_quality(value);
        else if (str_is(key, "as"))
            c.as = value;
        else if (str_is(key, "g"))
            c.group = value;
        else if (str_is(key, "v"))
            c.version = value;
    }
    return c;
}

static bool media_of(struct str type, unsigned allowed, enum media *ret)
{
    if (str_equal_nocase(type, STR("application/json"))) {
        *ret = MEDIA_JSON;
        return true;
    }
    if (str_equal_nocase(type, STR("application/yaml"))) {
        *ret = MEDIA_YAML;
        return true;
    }
    if (str_equal_nocase(type, STR("application/vnd.kubernetes.protobuf")) &&
        (allowed & ALLOW_PROTOBUF)) {
        *ret = MEDIA_PROTOBUF;
        return true;
    }
    return false;
}

static bool take_clause(const struct clause *c, unsigned allowed, struct accept *ret)
{
    static const struct {
        const char *as;
        enum shape shape;
        unsigned needs;
    } shapes[] = {
        {"Table", AS_TABLE, ALLOW_TABLE},
        {"PartialObjectMetadata", AS_PARTIAL, ALLOW_PARTIAL},
        {"PartialObjectMetadataList", AS_PARTIAL_LIST, ALLOW_PARTIAL},
    };
    /* Partial metadata has a protobuf form of its own, whatever the resource has. */
    bool partial = str_starts(c->as, "PartialObjectMetadata");
    struct accept a = {.shape = AS_OBJECT};
    /* Unlike bodies' types these are taken by the letter, as the original takes them. */
    for (size_t i = 0; i < c->type.len; i++)
        if (c->type.data[i] >= 'A' && c->type.data[i] <= 'Z')
            return false;
    if (str_is(c->type, "*/*"))
        a.media = MEDIA_JSON;
    else if (!media_of(c->type, partial ? allowed | ALLOW_PROTOBUF : allowed, &a.media))
        return false;
    if (!str_empty(c->as)) {
        bool known = false;
        if (str_is(c->as, "APIGroupDiscoveryList")) {
            known = (allowed & ALLOW_DISCOVERY) && str_is(c->group, "apidiscovery.k8s.io") &&
                    str_is(c->version, "v2");
            a.shape = AS_DISCOVERY;
            a.discovery_version = c->version;
        } else if (str_is(c->group, "meta.k8s.io") &&
                   (str_is(c->version, "v1") || str_is(c->version, "v1beta1"))) {
            for (size_t i = 0; i < ARRAY_COUNT(shapes); i++)
                if (str_is(c->as, shapes[i].as) && (allowed & shapes[i].needs)) {
                    a.shape = shapes[i].shape;
                    known = true;
                }
            known = known && !(a.shape == AS_TABLE && a.media == MEDIA_PROTOBUF);
        }
        if (!known)
            return false;
    }
    *ret = a;
    return true;
}

int accept_choose(struct str header, unsigned allowed, struct accept *ret)
{
    bool pretty = ret->pretty;
    if (str_empty(str_trim(header))) {
        *ret = (struct accept){.media = MEDIA_JSON, .pretty = pretty};
        return 0;
    }
    double best = -1;
    struct str rest = header;
    while (rest.data) {
        struct clause c = parse_clause(str_cut(&rest, ','));
        struct accept found;
        if (c.quality > best && take_clause(&c, allowed, &found)) {
            best = c.quality;
            *ret = found;
            ret->pretty = pretty;
        }
    }
    return best >= 0 ? 0 : -1;
}

bool accept_has(struct str header, const char *type)
{
    bool any = str_empty(header);
    struct str rest = header;
    while (rest.data && !any) {
        struct str clause = str_cut(&rest, ',');
        struct str name = str_trim(str_cut(&clause, ';'));
        any = str_is(name, "*/*") || str_is(name, type);
    }
    return any;
}

int content_type_parse(struct str header, bool protobuf_allowed, enum media *ret)
{
    if (str_empty(str_trim(header))) {
        *ret = MEDIA_JSON;
        return 0;
    }
    struct str type = str_trim(str_cut(&header, ';'));
    return media_of(type, protobuf_allowed ? ALLOW_PROTOBUF : 0, ret) ? 0 : -1;
}

bool user_agent_wants_pretty(struct str user_agent)
{
    return str_starts(user_agent, "curl") || str_starts(user_agent, "Wget") ||
           str_starts(user_agent, "Mozilla/5.0");
}
