/* ConfigMaps and Secrets: each that a pod names is watched by itself, as long as a pod here names
 * it. That is what the node authorizer allows. */
#include "node/agent_internal.h"

static const char *const plurals[] = {
    [SOURCE_CONFIGMAP] = "configmaps", [SOURCE_SECRET] = "secrets"};

static void source_changed(struct source *s)
{
    s->seen = true;
    map_each(slot, &s->agent->pods) {
        struct pod *p = slot->value;
        for (size_t i = 0; i < p->sources.count; i++) {
            if (p->sources.items[i] == s)
                pod_kick(p);
        }
    }
}

static void on_change(void *user, const struct sealed *now maybe_unused,
                      const struct sealed *old maybe_unused)
{
    struct source *s = user;
    if (s->view)
        source_changed(s);
}

static void on_synced(void *user)
{
    source_changed(user);
}

static void source_free(struct source *s)
{
    map_del(&s->agent->sources, str_from(s->key));
    if (s->view)
        view_close(s->view);
    mem_free(s->key);
    mem_free(s->ns);
    mem_free(s->name);
    mem_free(s);
}

static struct str source_key(struct arena *a, enum source_kind kind, struct str ns, struct str name)
{
    return arena_printf(a, "%s/%.*s/%.*s", plurals[kind], STR_ARG(ns), STR_ARG(name));
}

static struct source *source_open(struct agent *agent, enum source_kind kind, struct str key,
                                  struct str ns, struct str name)
{
    char selector[300];
    struct source *s = mem_alloc(sizeof(*s));
    s->agent = agent;
    s->key = text_copy(key);
    s->ns = text_copy(ns);
    s->name = text_copy(name);
    map_put(&agent->sources, key, s);
    snprintf(selector, sizeof(selector), "metadata.name=%s", s->name);
    s->view = view_open(agent->client,
                        &(struct view_options){
                            .resource = client_resource(agent->client, "", "v1", plurals[kind]),
                            .ns = str_from(s->ns),
                            .field_selector = selector,
                            .on_change = on_change,
                            .on_synced = on_synced,
                            .user = s,
                        });
    s->seen = view_synced(s->view);
    return s;
}

static void need(struct pod *p, enum source_kind kind, struct str name)
{
    struct arena arena = ARENA_INIT;
    if (!name.len || name_dns1123_subdomain(name))
        return;
    struct str key = source_key(&arena, kind, str_from(p->ns), name);
    struct source *s = map_get(&p->agent->sources, key);
    if (!s)
        s = source_open(p->agent, kind, key, str_from(p->ns), name);
    arena_release(&arena);
    for (size_t i = 0; i < p->sources.count; i++) {
        if (p->sources.items[i] == s)
            return;
    }
    s->users++;
    vec_push(&p->sources, s);
}

static void need_of_volume(struct pod *p, const struct node *volume)
{
    need(p, SOURCE_CONFIGMAP, node_str(volume, "configMap.name"));
    need(p, SOURCE_SECRET, node_str(volume, "secret.secretName"));
    node_each(source, node_at(volume, "projected.sources"))
    {
        need(p, SOURCE_CONFIGMAP, node_str(source, "configMap.name"));
        need(p, SOURCE_SECRET, node_str(source, "secret.name"));
    }
}

static void need_of_container(struct pod *p, const struct node *container)
{
    node_each(env, node_at(container, "env"))
    {
        need(p, SOURCE_CONFIGMAP, node_str(env, "valueFrom.configMapKeyRef.name"));
        need(p, SOURCE_SECRET, node_str(env, "valueFrom.secretKeyRef.name"));
    }
    node_each(from, node_at(container, "envFrom"))
    {
        need(p, SOURCE_CONFIGMAP, node_str(from, "configMapRef.name"));
        need(p, SOURCE_SECRET, node_str(from, "secretRef.name"));
    }
}

void sources_need(struct pod *p)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers",
                                        "spec.ephemeralContainers"};
    node_each(volume, node_at(p->tree, "spec.volumes")) need_of_volume(p, volume);
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(container, node_at(p->tree, lists[i])) need_of_container(p, container);
    node_each(pull, node_at(p->tree, "spec.imagePullSecrets"))
        need(p, SOURCE_SECRET, node_str(pull, "name"));
}

bool sources_seen(const struct pod *p)
{
    for (size_t i = 0; i < p->sources.count; i++) {
        if (!p->sources.items[i]->seen)
            return false;
    }
    return true;
}

const struct sealed *source_get(struct agent *agent, enum source_kind kind, struct str ns,
                                struct str name)
{
    struct arena arena = ARENA_INIT;
    struct source *s = map_get(&agent->sources, source_key(&arena, kind, ns, name));
    arena_release(&arena);
    return s && s->view ? view_get(s->view, ns, name) : NULL;
}

void sources_drop(struct pod *p)
{
    for (size_t i = 0; i < p->sources.count; i++) {
        if (--p->sources.items[i]->users == 0)
            source_free(p->sources.items[i]);
    }
    vec_release(&p->sources);
}
