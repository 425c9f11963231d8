/* Images: present already, or pulled, once for all containers that wait for the same one with the
 * same credentials. What fails is tried again by each container after a back-off of its own: a new
 * pod doesn't wait for an old one's. */
#include <errno.h>

#include "base/encode.h"
#include "base/log.h"
#include "kernel/path.h"
#include "node/agent_internal.h"
#include "node/pull_credentials.h"
#include "object/seal.h"

struct waiter {
    struct container *container;
    pull_done done;
    bool told; /* "Pulling" was said */
};

enum policy {
    POLICY_ALWAYS,
    POLICY_IF_NOT_PRESENT,
    POLICY_NEVER
};

struct pull {
    struct agent *agent;
    char *key;   /* owned: POLICY IMAGE and the hashes of the credentials */
    char *image; /* owned; with its tag */
    enum policy policy;
    bool asked;   /* whether it is present; or it is being pulled */
    bool pulling; /* it is known that it has to be */
    VEC(struct waiter) waiters;
    struct node *auths; /* AuthConfig trees */
    size_t tried;       /* of them; one without any when there are none */
    struct buf errors;
    char *image_ref; /* owned; what was pulled */
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
static enum policy policy_of(const struct node *container, struct str image)
{
    struct str policy = node_str(container, "imagePullPolicy");
    if (policy.len)
        return str_is(policy, "Always")  ? POLICY_ALWAYS
               : str_is(policy, "Never") ? POLICY_NEVER
                                         : POLICY_IF_NOT_PRESENT;
    struct str tag = tag_of(image);
    return !is_digest(image) && (!tag.len || str_is(tag, "latest")) ? POLICY_ALWAYS
                                                                    : POLICY_IF_NOT_PRESENT;
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

static void records_folder(const struct agent *a, struct buf *ret)
{
    buf_printf(ret, "%s/image_manager/pulled", a->config.root_dir);
}

void pull_image_removed(const struct agent *a, struct str image_id)
{
    struct buf folder cleanup_with(buf_release) = BUF_INIT;
    records_folder(a, &folder);
    pulled_forget(folder.data, image_id);
}

static void pull_free(struct pull *pull)
{
    map_del(&pull->agent->pulls, str_from(pull->key));
    vec_release(&pull->waiters);
    buf_release(&pull->errors);
    arena_release(&pull->arena);
    mem_free(pull->key);
    mem_free(pull->image);
    mem_free(pull->image_ref);
    mem_free(pull);
}

/* Answers all and ends the pull. Callbacks may start the next pull of the same image. */
static void answer(struct pull *pull, const char *image_ref, const char *reason,
                   const char *message)
{
    map_del(&pull->agent->pulls, str_from(pull->key));
    for (size_t i = 0; i < pull->waiters.count; i++) {
        struct waiter *w = &pull->waiters.items[i];
        w->done(w->container, image_ref, reason, message);
    }
    pull_free(pull);
}

/* Credentials. */

static void add_secret(struct arena *a, const struct sealed *secret, struct str repository,
                       struct node *list)
{
    static const char *const keys[] = {".dockerconfigjson", ".dockercfg"};
    struct value data = value_at(sealed_root(secret), "data");
    struct status st;
    status_init(&st, a);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct node *config;
        struct str text = value_text(a, value_key(data, str_from(keys[i])), ""), json;
        if (text.len && base64_decode(a, text, &json) == 0 &&
            json_parse(a, json, &config, &st) == 0)
            credentials_add(a, i == 0 ? node_at(config, "auths") : config, repository, list);
    }
}

static struct node *find_auths(struct arena *a, const struct pod *p, struct str image)
{
    struct node *list = node_list(a);
    struct buf missing cleanup_with(buf_release) = BUF_INIT;
    struct str repository = image_repository(a, image);
    node_each(reference, node_at(p->tree, "spec.imagePullSecrets"))
    {
        struct str name = node_str(reference, "name");
        const struct sealed *secret = source_get(p->agent, SOURCE_SECRET, str_from(p->ns), name);
        if (secret)
            add_secret(a, secret, repository, list);
        else
            buf_printf(&missing, "%s%.*s", missing.len ? ", " : "", STR_ARG(name));
    }
    if (missing.len)
        agent_event((struct pod *)p, "Warning", "FailedToRetrieveImagePullSecret",
                    "Unable to retrieve some image pull secrets (%s); attempting to pull the image "
                    "may not succeed.",
                    missing.data);
    credentials_sort(list);
    return list;
}

/* Pulling. */

static uint64_t back_off_ms(const struct container *c)
{
    return MIN((uint64_t)BACKOFF_FIRST_MS << MIN(c->pull_failures - 1, 5u),
               (uint64_t)BACKOFF_MAX_MS);
}

static void fail(struct pull *pull)
{
    const char *text = pull->errors.data ? pull->errors.data : "";
    for (size_t i = 0; i < pull->waiters.count; i++) {
        struct container *c = pull->waiters.items[i].container;
        agent_event(c->pod, "Warning", "Failed", "Failed to pull image \"%s\": %s", pull->image,
                    text);
        c->pull_failures++;
        c->pull_retry_us = agent_now_us(pull->agent) + (int64_t)back_off_ms(c) * 1000;
        text_set(&c->pull_error, str_from(text));
    }
    answer(pull, NULL, "ErrImagePull", text);
}

static void on_pulled_size(void *user, const struct node *response,
                           const struct cri_error *error maybe_unused)
{
    struct pull *pull = user;
    double seconds = (double)(agent_now_us(pull->agent) - pull->started_us) / 1e6;
    for (size_t i = 0; i < pull->waiters.count; i++) {
        struct container *c = pull->waiters.items[i].container;
        c->pull_failures = 0;
        text_set(&c->pull_error, STR_NONE);
        agent_event(c->pod, "Normal", "Pulled",
                    "Successfully pulled image \"%s\" in %.3fs (%.3fs including waiting). Image "
                    "size: %lld bytes.",
                    pull->image, seconds, seconds, (long long)node_num(response, "image.size", 0));
    }
    answer(pull, pull->image_ref, NULL, NULL);
}

static void try_next(struct pull *pull);

static void on_pulled(void *user, const struct node *response, const struct cri_error *error)
{
    struct pull *pull = user;
    struct arena a = ARENA_INIT;
    if (response) {
        struct buf folder cleanup_with(buf_release) = BUF_INIT;
        struct node *used = node_item(pull->auths, pull->tried - 1), *request = node_map(&a);
        pull->image_ref = text_copy(node_str(response, "image_ref"));
        records_folder(pull->agent, &folder);
        pulled_record(folder.data, str_from(pull->image_ref),
                      used ? credentials_hash(&a, used) : STR("*"));
        log_info("pulled", LOG_CSTR("image", pull->image),
                 LOG_INT("ms", (agent_now_us(pull->agent) - pull->started_us) / 1000));
        node_put_str(&a, request, "image.image", str_from(pull->image_ref));
        cri_start(pull->agent->cri, CRI_CALL_IMAGE_STATUS, request, 0, on_pulled_size, pull);
    } else {
        if (pull->errors.len)
            buf_puts(&pull->errors, ", ");
        cri_error_text(&pull->errors, error);
        if (pull->tried < node_count(pull->auths))
            try_next(pull);
        else
            fail(pull);
    }
    arena_release(&a);
}

static void try_next(struct pull *pull)
{
    struct arena a = ARENA_INIT;
    struct node *request = node_map(&a), *auth = node_item(pull->auths, pull->tried++);
    static const char *const members[] = {"username", "password", "identity_token"};
    node_put_str(&a, request, "image.image", str_from(pull->image));
    for (size_t i = 0; auth && i < ARRAY_COUNT(members); i++) {
        if (node_str(auth, members[i]).len)
            node_put_str(&a, node_need_map(&a, request, "auth"), members[i],
                         node_str(auth, members[i]));
    }
    cri_start(pull->agent->cri, CRI_CALL_PULL, request, 0, on_pulled, pull);
    arena_release(&a);
}

static bool in_back_off(const struct container *c)
{
    return c->pull_failures && agent_now_us(c->pod->agent) < c->pull_retry_us;
}

static void tell_pulling(struct waiter *w, const char *image)
{
    if (!w->told)
        agent_event(w->container->pod, "Normal", "Pulling", "Pulling image \"%s\"", image);
    w->told = true;
}

/* Those that failed a short while ago are sent away; the pull is for the others. */
static void begin(struct pull *pull)
{
    VEC(struct waiter) away = {0};
    for (size_t i = pull->waiters.count; i-- > 0;) {
        if (!in_back_off(pull->waiters.items[i].container))
            continue;
        vec_push(&away, pull->waiters.items[i]);
        vec_remove(&pull->waiters, i);
    }
    for (size_t i = 0; i < pull->waiters.count; i++)
        tell_pulling(&pull->waiters.items[i], pull->image);
    char *image = text_copy(str_from(pull->image));
    if (pull->waiters.count) {
        pull->pulling = true;
        pull->started_us = agent_now_us(pull->agent);
        try_next(pull);
    } else {
        pull_free(pull);
    }
    for (size_t i = 0; i < away.count; i++) {
        struct container *c = away.items[i].container;
        struct buf text cleanup_with(buf_release) = BUF_INIT;
        agent_event(c->pod, "Normal", "BackOff", "Back-off pulling image \"%s\"", image);
        buf_printf(&text, "Back-off pulling image \"%s\": ErrImagePull: %s", image,
                   c->pull_error ? c->pull_error : "");
        away.items[i].done(c, NULL, "ImagePullBackOff", text.data);
    }
    vec_release(&away);
    mem_free(image);
}

static void never_present(struct pull *pull)
{
    char message[512];
    snprintf(message, sizeof(message),
             "Container image \"%s\" is not present with pull policy of Never", pull->image);
    for (size_t i = 0; i < pull->waiters.count; i++)
        agent_event(pull->waiters.items[i].container->pod, "Warning", "ErrImageNeverPull", "%s",
                    message);
    answer(pull, NULL, "ErrImageNeverPull", message);
}

static void on_status(void *user, const struct node *response, const struct cri_error *error)
{
    struct pull *pull = user;
    struct str id = node_str(response, "image.id");
    struct buf folder cleanup_with(buf_release) = BUF_INIT;
    if (!response) {
        cri_error_text(&pull->errors, error);
        answer(pull, NULL, "ImageInspectError", pull->errors.data);
        return;
    }
    records_folder(pull->agent, &folder);
    if (id.len && pulled_allows(folder.data, id, pull->auths)) {
        pull->image_ref = text_copy(id);
        for (size_t i = 0; i < pull->waiters.count; i++)
            agent_event(pull->waiters.items[i].container->pod, "Normal", "Pulled",
                        "Container image \"%s\" already present on machine and can be accessed by "
                        "the pod",
                        pull->image);
        answer(pull, pull->image_ref, NULL, NULL);
    } else if (pull->policy == POLICY_NEVER) {
        never_present(pull);
    } else {
        begin(pull);
    }
}

static struct pull *pull_new(struct agent *agent, struct str key, struct str image,
                             enum policy policy, const struct node *auths)
{
    struct pull *pull = mem_alloc(sizeof(*pull));
    pull->agent = agent;
    pull->key = text_copy(key);
    pull->image = text_copy(image);
    pull->policy = policy;
    pull->auths = node_copy(&pull->arena, auths);
    map_put(&agent->pulls, key, pull);
    return pull;
}

static void invalid_name(struct container *c, struct str image, pull_done done)
{
    char message[1024];
    snprintf(message, sizeof(message),
             "Failed to apply default image tag \"%.*s\": couldn't parse image name \"%.*s\": "
             "invalid reference format",
             STR_ARG(image), STR_ARG(image));
    agent_event(c->pod, "Warning", "InspectFailed", "%s", message);
    done(c, NULL, "InvalidImageName", message);
}

/* The first waiter of a pull starts it. */
static void wait_for(struct pull *pull, struct container *c, pull_done done)
{
    struct arena a = ARENA_INIT;
    bool first = !pull->asked;
    pull->asked = true;
    vec_push(&pull->waiters, ((struct waiter){c, done, false}));
    if (pull->pulling) {
        tell_pulling(&pull->waiters.items[pull->waiters.count - 1], pull->image);
    } else if (first && pull->policy == POLICY_ALWAYS) {
        begin(pull);
    } else if (first) {
        struct node *request = node_map(&a);
        node_put_str(&a, request, "image.image", str_from(pull->image));
        cri_start(pull->agent->cri, CRI_CALL_IMAGE_STATUS, request, 0, on_status, pull);
    }
    arena_release(&a);
}

void pull_image(struct container *c, pull_done done)
{
    struct agent *agent = c->pod->agent;
    struct str image = node_str(c->spec, "image");
    if (!image_sound(image)) {
        invalid_name(c, image, done);
        return;
    }
    struct arena a = ARENA_INIT;
    struct buf key cleanup_with(buf_release) = BUF_INIT;
    enum policy policy = policy_of(c->spec, image);
    if (!is_digest(image) && !tag_of(image).len)
        image = arena_printf(&a, "%.*s:latest", STR_ARG(image));
    /* The name of a container's image may change: what went wrong was with another. */
    if (c->pull_image && !str_is(image, c->pull_image))
        c->pull_failures = 0;
    text_set(&c->pull_image, image);
    struct node *auths = find_auths(&a, c->pod, image);
    buf_printf(&key, "%d %.*s", policy, STR_ARG(image));
    node_each(auth, auths) buf_printf(&key, " %.*s", STR_ARG(credentials_hash(&a, auth)));
    struct pull *pull = map_get(&agent->pulls, buf_str(&key));
    if (!pull)
        pull = pull_new(agent, buf_str(&key), image, policy, auths);
    wait_for(pull, c, done);
    arena_release(&a);
}

void pull_forget(struct container *c)
{
    map_each(slot, &c->pod->agent->pulls) {
        struct pull *pull = slot->value;
        for (size_t i = pull->waiters.count; i-- > 0;) {
            if (pull->waiters.items[i].container == c)
                vec_remove(&pull->waiters, i);
        }
    }
}
