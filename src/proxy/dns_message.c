#include <errno.h>
#include <ldns/ldns.h>

#include "proxy/dns_message.h"

enum {
    SOA_TTL_S = 5
};

int dns_query_parse(struct arena *a, struct str bytes, struct dns_query *ret)
{
    ldns_pkt *packet = NULL;
    if (bytes.len < LDNS_HEADER_SIZE ||
        ldns_wire2pkt(&packet, (const uint8_t *)bytes.data, bytes.len) != LDNS_STATUS_OK)
        return -EBADMSG;
    const ldns_rr_list *questions = ldns_pkt_question(packet);
    int result = -EBADMSG;
    if (!ldns_pkt_qr(packet) && ldns_rr_list_rr_count(questions) == 1) {
        const ldns_rr *question = ldns_rr_list_rr(questions, 0);
        char *name = ldns_rdf2str(ldns_rr_owner(question));
        struct str text = arena_str(a, str_from(name));
        for (size_t i = 0; i < text.len; i++)
            if (text.data[i] >= 'A' && text.data[i] <= 'Z')
                ((char *)text.data)[i] += 32;
        LDNS_FREE(name);
        if (text.len && text.data[text.len - 1] == '.')
            text.len--;
        size_t offered = ldns_pkt_edns(packet) ? ldns_pkt_edns_udp_size(packet) : DNS_UDP_BYTES;
        *ret = (struct dns_query){
            .bytes = bytes,
            .name = text,
            .id = ldns_pkt_id(packet),
            .type = (uint16_t)ldns_rr_get_type(question),
            .bytes_max = MIN(MAX(offered, (size_t)DNS_UDP_BYTES), (size_t)DNS_EDNS_BYTES_MAX),
            .recursion_desired = ldns_pkt_rd(packet)};
        bool usual = ldns_pkt_get_opcode(packet) == LDNS_PACKET_QUERY &&
                     ldns_rr_get_class(question) == LDNS_RR_CLASS_IN;
        result = usual ? 0 : DNS_NOTIMP;
    }
    ldns_pkt_free(packet);
    return result;
}

static ldns_rdf *name_rdf(struct arena *a, struct str name)
{
    return ldns_dname_new_frm_str(arena_printf(a, "%.*s.", STR_ARG(name)).data);
}

static ldns_rr *record_rr(struct arena *a, const struct dns_record *r)
{
    ldns_rr *rr = ldns_rr_new();
    ldns_rr_set_owner(rr, name_rdf(a, r->name));
    ldns_rr_set_ttl(rr, r->ttl);
    ldns_rr_set_type(rr, (ldns_rr_type)r->type);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    switch (r->type) {
    case DNS_A:
        ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, r->address.bytes));
        break;
    case DNS_AAAA:
        ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, 16, r->address.bytes));
        break;
    case DNS_TXT: {
        ldns_rdf *text = NULL;
        if (ldns_str2rdf_str(&text, arena_cstr(a, r->target)) == LDNS_STATUS_OK)
            ldns_rr_push_rdf(rr, text);
        break;
    }
    case DNS_SRV:
        ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, r->priority));
        ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, r->weight));
        ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, r->port));
        fallthrough;
    default: ldns_rr_push_rdf(rr, name_rdf(a, r->target));
    }
    return rr;
}

/* Says for how long the absence may be remembered. */
static void push_soa(struct arena *a, ldns_pkt *packet, struct str domain)
{
    ldns_rr *soa = NULL;
    struct str text =
        arena_printf(a, "%.*s. %d IN SOA ns.dns.%.*s. hostmaster.%.*s. 1 7200 1800 86400 %d",
                     STR_ARG(domain), SOA_TTL_S, STR_ARG(domain), STR_ARG(domain), SOA_TTL_S);
    if (ldns_rr_new_frm_str(&soa, text.data, 0, NULL, NULL) == LDNS_STATUS_OK)
        ldns_pkt_push_rr(packet, LDNS_SECTION_AUTHORITY, soa);
}

static void push_upstream(ldns_pkt *packet, struct str bytes)
{
    ldns_pkt *other = NULL;
    if (str_empty(bytes) ||
        ldns_wire2pkt(&other, (const uint8_t *)bytes.data, bytes.len) != LDNS_STATUS_OK)
        return;
    const ldns_rr_list *answers = ldns_pkt_answer(other);
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++)
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, ldns_rr_clone(ldns_rr_list_rr(answers, i)));
    ldns_pkt_free(other);
}

static struct str wire(struct arena *a, const ldns_pkt *packet)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (ldns_pkt2wire(&bytes, packet, &size) != LDNS_STATUS_OK)
        return STR_NONE;
    struct str result = {arena_dup(a, bytes, size), size};
    LDNS_FREE(bytes);
    return result;
}

static ldns_pkt *new_answer(struct arena *a, const struct dns_query *query, enum dns_rcode rcode)
{
    ldns_pkt *packet = ldns_pkt_new();
    ldns_pkt_set_id(packet, query->id);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_aa(packet, true);
    ldns_pkt_set_rd(packet, query->recursion_desired);
    ldns_pkt_set_ra(packet, true);
    ldns_pkt_set_rcode(packet, (uint8_t)rcode);
    if (query->name.data) {
        ldns_rr *question = ldns_rr_new();
        ldns_rr_set_question(question, true);
        ldns_rr_set_owner(question, name_rdf(a, query->name));
        ldns_rr_set_type(question, (ldns_rr_type)query->type);
        ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
        ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question);
    }
    return packet;
}

struct str dns_answer_build(struct arena *a, const struct dns_query *query,
                            const struct dns_answer *answer, enum dns_rcode rcode,
                            struct str domain, struct str upstream, size_t bytes_max)
{
    ldns_pkt *packet = new_answer(a, query, rcode);
    for (size_t i = 0; i < answer->count; i++)
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record_rr(a, &answer->records[i]));
    push_upstream(packet, upstream);
    for (size_t i = 0; i < answer->additional_count; i++)
        ldns_pkt_push_rr(packet, LDNS_SECTION_ADDITIONAL, record_rr(a, &answer->additional[i]));
    if (answer->ours && answer->count == 0)
        push_soa(a, packet, domain);
    struct str bytes = wire(a, packet);
    ldns_pkt_free(packet);
    if (!bytes_max || bytes.len <= bytes_max)
        return bytes;
    packet = new_answer(a, query, rcode);
    ldns_pkt_set_tc(packet, true);
    bytes = wire(a, packet);
    ldns_pkt_free(packet);
    return bytes;
}

struct str dns_question_build(struct arena *a, uint16_t id, struct str name, uint16_t type)
{
    ldns_pkt *packet = ldns_pkt_new();
    ldns_rr *question = ldns_rr_new();
    ldns_pkt_set_id(packet, id);
    ldns_pkt_set_rd(packet, true);
    ldns_rr_set_question(question, true);
    ldns_rr_set_owner(question, name_rdf(a, name));
    ldns_rr_set_type(question, (ldns_rr_type)type);
    ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
    ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question);
    struct str bytes = wire(a, packet);
    ldns_pkt_free(packet);
    return bytes;
}
