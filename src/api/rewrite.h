/* Rewrite: answers of what is proxied (pods, services, nodes) are made to lead back through the
 * proxy: their Location, and the links of HTML. Source: apimachinery/pkg/util/proxy/transport.go.
 * Internal to api/.
 *
 * A link is led back when it names no host, the one that was asked, or the one that answered, and a
 * path from the root; whatever leads elsewhere stays as it is. HTML is never held as a whole: a
 * byte goes out as soon as it is known not to belong to a link, and a link of more than
 * LIMIT_REWRITTEN_LINK_BYTES stays as it is. */
#ifndef API_REWRITE_H
#define API_REWRITE_H

#include "base/arena.h"
#include "base/str.h"

struct rewrite {
    struct str prefix;     /* "/api/v1/namespaces/NS/pods/NAME/proxy"; never ends in a slash */
    struct str backend;    /* "HOST:PORT" that answers */
    struct str asked;      /* Host of the request; empty: not said */
    struct str asked_path; /* of the request, without its query */
};
/* Arena, or the link itself. */
struct str rewrite_link(struct arena *a, const struct rewrite *w, struct str link);

enum {
    REWRITE_NAME_MAX = 15
};
struct rewrite_name {
    char text[REWRITE_NAME_MAX + 1]; /* small letters */
    size_t len;                      /* REWRITE_NAME_MAX + 1: too long for any that matters */
};

struct html_rewriter {
    const struct rewrite *rewrite; /* borrowed */
    int state;
    char quote;      /* of the value at hand; 0: none */
    bool held;       /* the value goes into link first */
    unsigned dashes; /* of a comment's end */
    size_t matched;  /* of the end of raw text */
    struct rewrite_name tag, attribute;
    struct buf link; /* owned */
};
void html_rewriter_init(struct html_rewriter *h, const struct rewrite *w);
void html_rewriter_release(struct html_rewriter *h);
/* Adds to out what data has become; what is still undecided comes with a later call. */
void html_rewriter_feed(struct html_rewriter *h, struct str data, struct buf *out);
void html_rewriter_end(struct html_rewriter *h, struct buf *out);

#endif
