#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which architecture's numbers are these?"
#endif

enum {
    FOREIGN_CALLS = 0x40000000, /* x32's numbers begin here; no call of ours has one as high */
    PROGRAM_MAX = BPF_MAXINSNS
};

struct program {
    struct sock_filter *code; /* owned; room for PROGRAM_MAX */
    size_t count;
    const struct seccomp_rule *rules; /* sorted by call */
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t jump_true, uint8_t jump_false)
{
    assert(p->count < PROGRAM_MAX);
    p->code[p->count++] = (struct sock_filter){code, jump_true, jump_false, k};
}

static void put_return(struct program *p, uint32_t action)
{
    put(p, BPF_RET | BPF_K, action, 0, 0);
}

static uint32_t action_of(enum seccomp_verdict verdict)
{
    switch (verdict) {
    case SECCOMP_ALLOW: return SECCOMP_RET_ALLOW;
    case SECCOMP_ABSENT: return SECCOMP_RET_ERRNO | ENOSYS;
    case SECCOMP_END: return SECCOMP_RET_KILL_PROCESS;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

/* The rules of one call, in their order; both machines that we know are little-endian, so the low
 * word of an argument comes first. */
static void put_call(struct program *p, size_t from, size_t to)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)p->rules[from].call, 1, 0);
    put_return(p, SECCOMP_RET_ERRNO | EPERM);
    for (size_t i = from; i < to; i++) {
        const struct seccomp_rule *r = &p->rules[i];
        if (!r->mask) {
            put_return(p, action_of(r->verdict));
            return;
        }
        put(p, BPF_LD | BPF_W | BPF_ABS,
            (uint32_t)(offsetof(struct seccomp_data, args) + r->argument * sizeof(uint64_t)), 0, 0);
        put(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
        put(p, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
        put_return(p, action_of(r->verdict));
    }
    put_return(p, SECCOMP_RET_ERRNO | EPERM);
}

/* A search tree over rules[from, to): halves meet where a call's rules begin. Its depth is the
 * logarithm of SECCOMP_RULES_MAX. */
static void put_tree(struct program *p, size_t from, size_t to)
{
    if (p->rules[from].call == p->rules[to - 1].call) {
        put_call(p, from, to);
        return;
    }
    size_t middle = from + (to - from) / 2;
    while (middle < to && p->rules[middle].call == p->rules[middle - 1].call)
        middle++;
    while (middle == to || p->rules[middle].call == p->rules[middle - 1].call)
        middle--;
    /* Conditional jumps reach 255 instructions only, plain ones any distance. */
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)p->rules[middle].call, 0, 1);
    size_t jump = p->count;
    put(p, BPF_JMP | BPF_JA, 0, 0, 0);
    put_tree(p, from, middle);
    p->code[jump].k = (uint32_t)(p->count - jump - 1);
    put_tree(p, middle, to);
}

/* Stable: the position decides between rules of one call. */
static void sort_rules(struct seccomp_rule *rules, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct seccomp_rule r = rules[i];
        size_t at = i;
        for (; at > 0 && rules[at - 1].call > r.call; at--)
            rules[at] = rules[at - 1];
        rules[at] = r;
    }
}

int seccomp_enter(const struct seccomp_rule *rules, size_t count)
{
    if (count == 0 || count > SECCOMP_RULES_MAX)
        return -E2BIG;
    struct seccomp_rule *sorted = mem_dup(rules, count * sizeof(*rules));
    struct program p = {.code = mem_alloc(PROGRAM_MAX * sizeof(*p.code)), .rules = sorted};
    sort_rules(sorted, count);
    put(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    put(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    put_return(&p, SECCOMP_RET_KILL_PROCESS);
    put(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    put(&p, BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 0, 1);
    put_return(&p, SECCOMP_RET_KILL_PROCESS);
    put_tree(&p, 0, count);
    const struct sock_fprog program = {.len = (unsigned short)p.count, .filter = p.code};
    /* Older kernels slow down every filtered process against a leak from one part of a process to
     * another: there is no foreign code in ours. */
    long done =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
    int err = done < 0 ? -errno : 0;
    mem_free(p.code);
    mem_free(sorted);
    return err;
}
