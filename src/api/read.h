/* Read: get, list and watch. Internal to api/. */
#ifndef API_READ_H
#define API_READ_H

#include "api/objects.h"

extern const struct endpoint endpoint_get, endpoint_list, endpoint_watch;

/* ListOptions of get, list and watch. */
struct list_options {
    uint64_t limit;
    struct str continue_token; /* as sent */
    bool has_revision;
    uint64_t revision;
    enum {
        MATCH_UNSET,
        MATCH_EXACT,
        MATCH_NOT_OLDER
    } match;
    bool bookmarks;
    bool send_initial, send_initial_given;
    uint64_t timeout_s;
};
/* 0 or -1: 400 or 422 with the original's texts. */
int list_options_read(struct request *r, bool watch, struct list_options *ret) must_use;

/* Continue tokens. */
struct continue_token {
    bool inconsistent;   /* goes on at the newest state */
    uint64_t revision;   /* of the first page */
    struct str ns, name; /* of the last item shown */
    int64_t left;        /* items behind it, when they were counted */
};
struct str continue_encode(struct arena *a, const struct continue_token *t);
int continue_decode(struct arena *a, struct str token, struct continue_token *ret,
                    struct status *st) must_use;

/* A revision that has not come yet is waited for, at most LIMIT_FUTURE_WAIT_MS. True: the request
 * waits, and its decode step runs again when the revision or the end of patience is there; false:
 * go on. For decode steps. */
bool read_await(struct request *r, uint64_t revision) must_use;
/* 0, or -1: 504 for a revision that has not come yet. */
int read_check_future(const struct request *r, uint64_t revision, struct status *st) must_use;
/* What a collection request walks. */
struct store_range read_range(const struct request *r);

/* What is shown alike has the same number. */
uint32_t rendering_number(struct request *r, const struct rendering *v);
/* Ends every watch of a custom resource: its definition changed. */
void watch_end_resource(struct api *api, const struct custom_version *v);
struct watch_views *watch_views_new(struct api *api);
void watch_views_free(struct watch_views *v);

#endif
