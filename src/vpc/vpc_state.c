/* The state file: one fact a line, words separated by blanks.
 *
 *   holder PID TICKS
 *   number NEXT
 *   subnet ID CIDR NUMBER
 *   interface ID SUBNET ADDRESS MAC DEVICE NUMBER MAX DEFAULT HOST TICKS
 *   address INTERFACE ADDRESS
 *   endpoint ADDRESS */
#include <errno.h>

#include "kernel/path.h"
#include "vpc/vpc_internal.h"

enum {
    STATE_BYTES_MAX = 16 << 20,
    RESERVED_FIRST = 4,
    RESERVED_LAST = 1
};

struct subnet *vpc_find_subnet(const struct vpc *vpc, struct str id)
{
    for (size_t i = 0; i < vpc->subnets.count; i++) {
        if (str_is(id, vpc->subnets.items[i].id))
            return &vpc->subnets.items[i];
    }
    return NULL;
}

struct subnet *vpc_subnet_of(const struct vpc *vpc, struct ip ip)
{
    for (size_t i = 0; i < vpc->subnets.count; i++) {
        if (ip_prefix_contains(vpc->subnets.items[i].cidr, ip))
            return &vpc->subnets.items[i];
    }
    return NULL;
}

struct interface *vpc_find_interface(const struct vpc *vpc, struct str id)
{
    for (size_t i = 0; i < vpc->interfaces.count; i++) {
        if (str_is(id, vpc->interfaces.items[i].id))
            return &vpc->interfaces.items[i];
    }
    return NULL;
}

static bool subnet_index(const struct subnet *s, struct ip ip, uint32_t *ret)
{
    if (!ip_prefix_contains(s->cidr, ip))
        return false;
    *ret = ip_to_u32(ip) - ip_to_u32(s->cidr.ip);
    return *ret >= RESERVED_FIRST && *ret < s->size - RESERVED_LAST;
}

static bool index_used(const struct subnet *s, uint32_t index)
{
    return s->used[index / 8] & 1u << index % 8;
}

bool subnet_take(struct subnet *s, struct ip ip)
{
    uint32_t index;
    if (!subnet_index(s, ip, &index) || index_used(s, index))
        return false;
    s->used[index / 8] |= (uint8_t)(1u << index % 8);
    return true;
}

bool subnet_take_next(struct subnet *s, struct ip *ret)
{
    for (uint32_t tried = 0; tried < s->size; tried++) {
        uint32_t index = (s->next + tried) % s->size;
        struct ip ip = ip_from_u32(ip_to_u32(s->cidr.ip) + index);
        if (subnet_take(s, ip)) {
            s->next = index + 1;
            *ret = ip;
            return true;
        }
    }
    return false;
}

void subnet_give_back(struct subnet *s, struct ip ip)
{
    uint32_t index;
    if (subnet_index(s, ip, &index))
        s->used[index / 8] &= (uint8_t) ~(1u << index % 8);
}

struct ip subnet_router(const struct subnet *s)
{
    return ip_from_u32(ip_to_u32(s->cidr.ip) + 1);
}

struct subnet *vpc_add_subnet(struct vpc *vpc, const char *id, struct ip_prefix cidr,
                              unsigned number)
{
    struct subnet s = {.cidr = cidr, .number = number, .size = 1u << (32 - cidr.length)};
    s.cidr.ip = ip_from_u32(ip_to_u32(cidr.ip) & ~(s.size - 1));
    snprintf(s.id, sizeof(s.id), "%s", id);
    s.used = mem_alloc(s.size / 8 + 1);
    vec_push(&vpc->subnets, s);
    return &vpc->subnets.items[vpc->subnets.count - 1];
}

/* Reading: a line's words, one by one; a word that is missing or wrong makes the file damaged. */
struct words {
    struct str rest;
    bool bad;
};

static struct str word(struct words *w)
{
    struct str text = str_cut(&w->rest, ' ');
    w->bad |= text.len == 0;
    return text;
}

static uint64_t word_number(struct words *w)
{
    uint64_t number = 0;
    w->bad |= str_to_u64(word(w), &number) < 0;
    return number;
}

static struct ip word_ip(struct words *w)
{
    struct ip ip = {0};
    w->bad |= ip_parse(word(w), &ip) < 0;
    return ip;
}

static void word_copy(struct words *w, char *to, size_t size)
{
    struct str text = word(w);
    w->bad |= text.len >= size;
    snprintf(to, size, "%.*s", STR_ARG(text));
}

static void read_subnet(struct vpc *vpc, struct words *w)
{
    char id[VPC_ID_BYTES];
    struct ip_prefix cidr = {0};
    word_copy(w, id, sizeof(id));
    w->bad |= ip_prefix_parse(word(w), &cidr) < 0 || cidr.ip.family != 4 || cidr.length < 8;
    unsigned number = (unsigned)word_number(w);
    if (!w->bad)
        vpc_add_subnet(vpc, id, cidr, number);
}

static void read_interface(struct vpc *vpc, struct words *w)
{
    struct interface i = {.host = 0};
    word_copy(w, i.id, sizeof(i.id));
    word_copy(w, i.subnet, sizeof(i.subnet));
    i.address = word_ip(w);
    w->bad |= mac_parse(word(w), &i.mac) < 0;
    word_copy(w, i.device, sizeof(i.device));
    i.number = (unsigned)word_number(w);
    i.addresses_max = (unsigned)word_number(w);
    i.default_route = word_number(w);
    i.host = (pid_t)word_number(w);
    i.host_ticks = word_number(w);
    struct subnet *s = w->bad ? NULL : vpc_find_subnet(vpc, str_from(i.subnet));
    w->bad |= !s || !subnet_take(s, i.address);
    if (!w->bad)
        vec_push(&vpc->interfaces, i);
}

static void read_address(struct vpc *vpc, struct words *w, bool endpoint)
{
    struct interface *i = endpoint ? NULL : vpc_find_interface(vpc, word(w));
    struct ip ip = word_ip(w);
    struct subnet *s = vpc_subnet_of(vpc, ip);
    w->bad |= (!endpoint && !i) || !s || !subnet_take(s, ip);
    if (w->bad)
        return;
    if (endpoint)
        vec_push(&vpc->endpoints, ip);
    else
        vec_push(&i->secondary, ip);
}

static int read_line(struct vpc *vpc, struct str line)
{
    struct words w = {.rest = line};
    struct str fact = word(&w);
    if (str_is(fact, "holder")) {
        vpc->holder = (pid_t)word_number(&w);
        vpc->holder_ticks = word_number(&w);
    } else if (str_is(fact, "number")) {
        vpc->next_number = (unsigned)word_number(&w);
    } else if (str_is(fact, "subnet")) {
        read_subnet(vpc, &w);
    } else if (str_is(fact, "interface")) {
        read_interface(vpc, &w);
    } else if (str_is(fact, "address") || str_is(fact, "endpoint")) {
        read_address(vpc, &w, str_is(fact, "endpoint"));
    } else {
        return -EBADMSG;
    }
    return w.bad ? -EBADMSG : 0;
}

static void state_path(const struct vpc *vpc, struct buf *ret)
{
    buf_printf(ret, "%s/state", vpc->directory);
}

int vpc_state_load(struct vpc *vpc)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    state_path(vpc, &path);
    int err = path_read(path.data, STATE_BYTES_MAX, &text);
    if (err == -ENOENT)
        return 0;
    struct str rest = buf_str(&text);
    while (err == 0 && rest.len)
        err = read_line(vpc, str_cut(&rest, '\n'));
    return err;
}

static void write_interface(struct buf *out, const struct interface *i)
{
    char ip[ADDRESS_TEXT_BYTES], mac[ADDRESS_TEXT_BYTES];
    buf_printf(out, "interface %s %s %s %s %s %u %u %d %d %llu\n", i->id, i->subnet,
               ip_text(i->address, ip), mac_text(i->mac, mac), i->device, i->number,
               i->addresses_max, i->default_route, (int)i->host, (unsigned long long)i->host_ticks);
    for (size_t n = 0; n < i->secondary.count; n++)
        buf_printf(out, "address %s %s\n", i->id, ip_text(i->secondary.items[n], ip));
}

int vpc_state_save(struct vpc *vpc)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf out cleanup_with(buf_release) = BUF_INIT;
    char text[ADDRESS_TEXT_BYTES];
    buf_printf(&out, "holder %d %llu\nnumber %u\n", (int)vpc->holder,
               (unsigned long long)vpc->holder_ticks, vpc->next_number);
    for (size_t n = 0; n < vpc->subnets.count; n++) {
        const struct subnet *s = &vpc->subnets.items[n];
        buf_printf(&out, "subnet %s %s %u\n", s->id, ip_prefix_text(s->cidr, text), s->number);
    }
    for (size_t n = 0; n < vpc->interfaces.count; n++)
        write_interface(&out, &vpc->interfaces.items[n]);
    for (size_t n = 0; n < vpc->endpoints.count; n++)
        buf_printf(&out, "endpoint %s\n", ip_text(vpc->endpoints.items[n], text));
    state_path(vpc, &path);
    return path_replace(path.data, buf_str(&out), 0600, true);
}
