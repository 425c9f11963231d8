#include "api/documents.h"

#include "base/map.h"
#include "net/digest.h"

struct documents {
    struct api *api;
    uint64_t generation; /* of the resources that the tags are about */
    struct map tags;     /* name -> owned text */
};

struct documents *documents_new(struct api *api)
{
    struct documents *d = mem_alloc(sizeof(*d));
    d->api = api;
    return d;
}

static void forget(struct documents *d)
{
    map_each(slot, &d->tags)
        mem_free(slot->value);
    map_release(&d->tags);
    d->tags = (struct map)MAP_INIT;
}

void documents_free(struct documents *d)
{
    forget(d);
    mem_free(d);
}

struct str documents_tag(struct documents *d, const char *name)
{
    if (d->generation != d->api->resources_generation) {
        forget(d);
        d->generation = d->api->resources_generation;
    }
    return str_from(map_get(&d->tags, str_from(name)));
}

struct str documents_set_tag(struct documents *d, const char *name, struct str body)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t digest[SHA512_BYTES];
    digest_sha512(body, digest);
    char *text = mem_alloc(2 * SHA512_BYTES + 1);
    for (size_t i = 0; i < SHA512_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    mem_free(map_put(&d->tags, str_from(name), text));
    return str_from(text);
}

bool document_not_modified(struct request *r, struct str tag)
{
    struct str quoted = arena_printf(r->arena, "\"%.*s\"", STR_ARG(tag));
    request_header(r, "ETag", quoted);
    struct str asked = http_header(r->http, "If-None-Match");
    while (asked.data)
        if (str_equal(str_trim(str_cut(&asked, ',')), quoted)) {
            r->code = 304;
            r->rewritten = "application/json";
            r->raw = STR_NONE;
            return true;
        }
    return false;
}
