#include "node/cni_state.h"

static char *copy(struct str s)
{
    char *c = mem_alloc(s.len + 1);
    memcpy(c, s.data ? s.data : "", s.len);
    return c;
}

static void allocation_release(struct allocation *a)
{
    mem_free(a->container);
    mem_free(a->device);
    mem_free(a->netns);
    mem_free(a->ns);
    mem_free(a->pod);
}

void pool_release(struct cni_pool *p)
{
    for (size_t i = 0; i < p->allocations.count; i++)
        allocation_release(&p->allocations.items[i]);
    vec_release(&p->allocations);
    vec_release(&p->addresses);
}

static struct cni_address *address_of(const struct cni_pool *p, struct ip ip)
{
    for (size_t i = 0; i < p->addresses.count; i++) {
        if (ip_equal(p->addresses.items[i].ip, ip))
            return &p->addresses.items[i];
    }
    return NULL;
}

static struct cni_address *need_address(struct cni_pool *p, struct ip ip)
{
    struct cni_address *a = address_of(p, ip);
    if (a)
        return a;
    vec_push(&p->addresses, (struct cni_address){.ip = ip});
    return &p->addresses.items[p->addresses.count - 1];
}

void pool_assign(struct cni_pool *p, struct str text)
{
    for (size_t i = 0; i < p->addresses.count; i++)
        p->addresses.items[i].assigned = false;
    while (text.data) {
        struct ip ip;
        if (ip_parse(str_trim(str_cut(&text, '\n')), &ip) == 0)
            need_address(p, ip)->assigned = true;
    }
    for (size_t i = p->addresses.count; i-- > 0;) {
        if (!p->addresses.items[i].assigned && !p->addresses.items[i].used)
            vec_remove(&p->addresses, i);
    }
}

struct allocation *pool_find(const struct cni_pool *p, struct str container, struct str device)
{
    for (size_t i = 0; i < p->allocations.count; i++) {
        struct allocation *a = &p->allocations.items[i];
        if (str_is(container, a->container) && (!device.len || str_is(device, a->device)))
            return a;
    }
    return NULL;
}

static bool can_take(const struct cni_address *a, uint64_t now_ms)
{
    return a->assigned && !a->used && a->free_at_ms <= now_ms;
}

struct allocation *pool_take(struct cni_pool *p, uint64_t now_ms, struct str container,
                             struct str device, struct str netns, struct str ns, struct str pod)
{
    struct cni_address *chosen = NULL;
    /* Round robin over those that have rested; when there is none, the one that has rested longest:
     * a pod that starts is worth more than the rest of the pause. */
    for (size_t i = 0; i < p->addresses.count; i++) {
        size_t at = (p->next + i) % p->addresses.count;
        struct cni_address *a = &p->addresses.items[at];
        if (can_take(a, now_ms)) {
            chosen = a;
            p->next = at + 1;
            break;
        }
        if (a->assigned && !a->used && (!chosen || a->free_at_ms < chosen->free_at_ms))
            chosen = a;
    }
    if (chosen) {
        chosen->used = true;
        struct allocation allocation = {chosen->ip,  copy(container), copy(device),
                                        copy(netns), copy(ns),        copy(pod)};
        vec_push(&p->allocations, allocation);
        return &p->allocations.items[p->allocations.count - 1];
    }
    return NULL;
}

void pool_give_back(struct cni_pool *p, struct allocation *a, uint64_t now_ms)
{
    struct cni_address *address = address_of(p, a->ip);
    if (address) {
        address->used = false;
        address->free_at_ms = now_ms + CNI_COOLDOWN_MS;
    }
    allocation_release(a);
    vec_remove(&p->allocations, (size_t)(a - p->allocations.items));
}

size_t pool_free(const struct cni_pool *p, uint64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < p->addresses.count; i++)
        count += can_take(&p->addresses.items[i], now_ms);
    return count;
}

/* A line an allocation: ADDRESS CONTAINER DEVICE NETNS NAMESPACE POD. */
void pool_write(const struct cni_pool *p, struct buf *out)
{
    char ip[ADDRESS_TEXT_BYTES];
    for (size_t i = 0; i < p->allocations.count; i++) {
        const struct allocation *a = &p->allocations.items[i];
        buf_printf(out, "%s %s %s %s %s %s\n", ip_text(a->ip, ip), a->container, a->device,
                   a->netns, a->ns, a->pod);
    }
}

void pool_read(struct cni_pool *p, struct str text)
{
    while (text.len) {
        struct str line = str_cut(&text, '\n'), words[6];
        struct ip ip;
        for (size_t i = 0; i < 6; i++)
            words[i] = str_cut(&line, ' ');
        if (ip_parse(words[0], &ip) < 0 || !words[1].len || !words[2].len)
            continue;
        need_address(p, ip)->used = true;
        struct allocation a = {
            ip, copy(words[1]), copy(words[2]), copy(words[3]), copy(words[4]), copy(words[5])};
        vec_push(&p->allocations, a);
    }
}
