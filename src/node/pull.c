/* Images: present already, or pulled, once for all containers that wait for the same one; with a
 * back-off for those that fail. */
#include "base/encode.h"
#include "base/log.h"
#include "node/agent_internal.h"
#include "object/seal.h"

struct waiter {
    pull_done done;
    void *user;
};

struct pull {
    struct agent *agent;
    char *image;    /* owned */
    char *registry; /* owned */
    bool running;
    bool always;
    unsigned failures;
    uint64_t not_before_ms;
    char *error; /* owned; the last */
    VEC(struct waiter) waiters;
    VEC(struct node *) auths; /* AuthConfig trees that are left to try */
    struct arena arena;
    int64_t started_us;
};

static bool is_digest(struct str image)
{
    return str_find(image, '@') >= 0;
}

static struct str tag_of(struct str image)
{
    ssize_t slash = str_find_last(image, '/'), colon = str_find_last(image, ':');
    return colon > slash ? str_slice(image, (size_t)colon + 1, image.len) : STR_NONE;
}

/* The original's default of a missing policy. */
static struct str policy_of(const struct node *container, struct str image)
{
    struct str policy = node_str(container, "imagePullPolicy");
    if (policy.len)
        return policy;
    struct str tag = tag_of(image);
    return !is_digest(image) && (!tag.len || str_is(tag, "latest")) ? STR("Always")
                                                                    : STR("IfNotPresent");
}

static struct str registry_of(struct str image)
{
    ssize_t slash = str_find(image, '/');
    if (slash < 0)
        return STR("docker.io");
    struct str first = str_slice(image, 0, (size_t)slash);
    bool host =
        str_find(first, '.') >= 0 || str_find(first, ':') >= 0 || str_is(first, "localhost");
    return host ? first : STR("docker.io");
}

/* NAME[:TAG][@DIGEST]: names are lower case but for the registry, tags and digests are words. */
static bool image_sound(struct str image)
{
    ssize_t at = str_find(image, '@');
    struct str name = at < 0 ? image : str_slice(image, 0, (size_t)at);
    struct str digest = at < 0 ? STR("sha256:0") : str_slice(image, (size_t)at + 1, image.len);
    struct str tag = tag_of(name);
    ssize_t slash = str_find(name, '/');
    if (tag.data)
        name = str_slice(name, 0, name.len - tag.len - 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool lower = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._/", c));
        bool in_registry = (ssize_t)i < slash && (c == ':' || (c >= 'A' && c <= 'Z'));
        if (!lower && !in_registry)
            return false;
    }
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("-._", c))))
            return false;
    }
    bool ends_well = name.len && name.data[0] != '/' && name.data[name.len - 1] != '/';
    return ends_well && !(tag.data && !tag.len) && str_find(digest, ':') > 0;
}

static void answer(struct pull *pull, const char *image_ref, const char *reason,
                   const char *message)
{
    /* Callbacks may start the next pull of the same image. */
    typeof(pull->waiters) waiters = pull->waiters;
    memset(&pull->waiters, 0, sizeof(pull->waiters));
    pull->running = false;
    for (size_t i = 0; i < waiters.count; i++)
        waiters.items[i].done(waiters.items[i].user, image_ref, reason, message);
    vec_release(&waiters);
}

/* Credentials of one registry in a .dockerconfigjson (or the older .dockercfg). */
static void add_auths(struct pull *pull, const struct node *config)
{
    struct arena *a = &pull->arena;
    member_each(entry, config)
    {
        struct str host = entry->name;
        static const char *const schemes[] = {"https://", "http://"};
        for (size_t i = 0; i < 2; i++) {
            if (str_starts(host, schemes[i]))
                host = str_slice(host, strlen(schemes[i]), host.len);
        }
        struct str path = host;
        host = str_cut(&path, '/');
        bool hub = str_is(str_from(pull->registry), "docker.io") &&
                   (str_is(host, "index.docker.io") || str_is(host, "registry-1.docker.io"));
        if (!hub && !str_equal(host, str_from(pull->registry)))
            continue;
        struct node *auth = node_map(a);
        struct str plain, user = node_str(entry->value, "username"),
                          password = node_str(entry->value, "password");
        if (base64_decode(a, node_str(entry->value, "auth"), &plain) == 0 && plain.len) {
            user = str_cut(&plain, ':');
            password = plain;
        }
        node_put_str(a, auth, "username", user);
        node_put_str(a, auth, "password", password);
        if (node_str(entry->value, "identitytoken").len)
            node_put_str(a, auth, "identity_token", node_str(entry->value, "identitytoken"));
        vec_push(&pull->auths, auth);
    }
}

static void find_auths(struct pull *pull, const struct pod *p)
{
    struct status st;
    status_init(&st, &pull->arena);
    vec_clear(&pull->auths);
    node_each(reference, node_at(p->tree, "spec.imagePullSecrets"))
    {
        const struct sealed *secret =
            source_get(p->agent, SOURCE_SECRET, str_from(p->ns), node_str(reference, "name"));
        if (!secret)
            continue;
        struct value data = value_at(sealed_root(secret), "data");
        static const char *const keys[] = {".dockerconfigjson", ".dockercfg"};
        for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
            struct node *config;
            struct str text = value_text(&pull->arena, value_key(data, str_from(keys[i])), ""),
                       json;
            if (text.len && base64_decode(&pull->arena, text, &json) == 0 &&
                json_parse(&pull->arena, json, &config, &st) == 0)
                add_auths(pull, i == 0 ? node_at(config, "auths") : config);
        }
    }
    vec_push(&pull->auths, NULL); /* and last without any */
}

static void try_next(struct pull *pull);

static void fail(struct pull *pull, struct str message)
{
    unsigned doublings = MIN(pull->failures, 5u);
    pull->failures++;
    pull->not_before_ms = loop_now_ms(pull->agent->loop) +
                          MIN((uint64_t)BACKOFF_FIRST_MS << doublings, (uint64_t)BACKOFF_MAX_MS);
    text_printf(&pull->error, "failed to pull image \"%s\": %.*s", pull->image, STR_ARG(message));
    answer(pull, NULL, "ErrImagePull", pull->error);
}

static void on_pulled(void *user, const struct node *response, const struct cri_error *error)
{
    struct pull *pull = user;
    if (response) {
        pull->failures = 0;
        text_set(&pull->error, STR_NONE);
        char *reference = text_copy(node_str(response, "image_ref"));
        log_info("pulled", LOG_CSTR("image", pull->image),
                 LOG_INT("ms", (agent_now_us(pull->agent) - pull->started_us) / 1000));
        answer(pull, reference, NULL, NULL);
        mem_free(reference);
    } else if (pull->auths.count) {
        try_next(pull);
    } else {
        fail(pull, error->message);
    }
}

static void try_next(struct pull *pull)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a), *auth = pull->auths.items[0];
    vec_remove(&pull->auths, 0);
    node_put_str(&a, request, "image.image", str_from(pull->image));
    if (auth)
        node_set(&a, request, STR("auth"), auth);
    cri_start(pull->agent->cri, CRI_CALL_PULL, request, 0, on_pulled, pull);
    arena_release(&a);
}

static void start_pull(struct pull *pull)
{
    if (pull->failures && loop_now_ms(pull->agent->loop) < pull->not_before_ms) {
        char message[512];
        snprintf(message, sizeof(message), "Back-off pulling image \"%s\": ErrImagePull: %s",
                 pull->image, pull->error ? pull->error : "");
        answer(pull, NULL, "ImagePullBackOff", message);
        return;
    }
    pull->started_us = agent_now_us(pull->agent);
    try_next(pull);
}

static void on_status(void *user, const struct node *response, const struct cri_error *error)
{
    struct pull *pull = user;
    struct str id = node_str(response, "image.id");
    if (!response) {
        fail(pull, error->message);
        return;
    }
    if (id.len && !pull->always) {
        char *copy = text_copy(id);
        answer(pull, copy, NULL, NULL);
        mem_free(copy);
        return;
    }
    start_pull(pull);
}

static struct pull *pull_of(struct agent *a, struct str image)
{
    struct pull *pull = map_get(&a->pulls, image);
    if (pull)
        return pull;
    pull = mem_alloc(sizeof(*pull));
    pull->agent = a;
    pull->image = text_copy(image);
    pull->registry = text_copy(registry_of(image));
    map_put(&a->pulls, image, pull);
    return pull;
}

static void on_never(void *user, const struct node *response,
                     const struct cri_error *error maybe_unused)
{
    struct pull *pull = user;
    struct str id = node_str(response, "image.id");
    char message[512];
    char *copy = text_copy(id);
    snprintf(message, sizeof(message),
             "Container image \"%s\" is not present with pull policy of Never", pull->image);
    answer(pull, id.len ? copy : NULL, "ErrImageNeverPull", message);
    mem_free(copy);
}

void pull_image(struct container *c, pull_done done, void *user)
{
    struct agent *agent = c->pod->agent;
    struct str image = node_str(c->spec, "image"), policy = policy_of(c->spec, image);
    char message[512];
    if (!image_sound(image)) {
        snprintf(message, sizeof(message),
                 "Failed to apply default image tag \"%.*s\": couldn't parse image name \"%.*s\": "
                 "invalid reference format",
                 STR_ARG(image), STR_ARG(image));
        done(user, NULL, "InvalidImageName", message);
        return;
    }
    struct arena a = ARENA_INIT;
    struct str full = !is_digest(image) && !tag_of(image).len
                          ? arena_printf(&a, "%.*s:latest", STR_ARG(image))
                          : image;
    struct pull *pull = pull_of(agent, full);
    vec_push(&pull->waiters, ((struct waiter){done, user}));
    if (!pull->running) {
        pull->running = true;
        pull->always = str_is(policy, "Always");
        arena_reset(&pull->arena);
        find_auths(pull, c->pod);
        struct node *request = node_map(&a);
        node_put_str(&a, request, "image.image", full);
        cri_start(agent->cri, CRI_CALL_IMAGE_STATUS, request, 0,
                  str_is(policy, "Never") ? on_never : on_status, pull);
    }
    arena_release(&a);
}

void pull_forget(struct agent *a, void *user)
{
    map_each(slot, &a->pulls) {
        struct pull *pull = slot->value;
        for (size_t i = pull->waiters.count; i-- > 0;) {
            if (pull->waiters.items[i].user == user)
                vec_remove(&pull->waiters, i);
        }
    }
}

void pulls_release(struct agent *a)
{
    map_each(slot, &a->pulls) {
        struct pull *pull = slot->value;
        vec_release(&pull->waiters);
        vec_release(&pull->auths);
        arena_release(&pull->arena);
        mem_free(pull->image);
        mem_free(pull->registry);
        mem_free(pull->error);
        mem_free(pull);
    }
    map_release(&a->pulls);
}
