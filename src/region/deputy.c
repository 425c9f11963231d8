#include "region/deputy.h"

#include <errno.h>

#include "base/log.h"
#include "region/deputy_internal.h"
#include "sys/daemon.h"
#include "sys/process.h"
#include "sys/socket.h"

enum {
    TURN_MS = 60000
};

struct deputy {
    int socket;
    pid_t pid;
    struct buf request;    /* of one question after the other */
    struct loop_fd *watch; /* owned */
};

struct deputy_work {
    int fd;
    struct loop_fd *watch; /* owned */
    void (*done)(void *arg, int err, const char *step);
    void *arg;
};

static char *copy(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

int deputy_turn(struct arena *a, const char *directory, int *ret_turn)
{
    return turn_take(arena_printf(a, "%s/deputy.lock", directory).data, TURN_MS, ret_turn);
}

int deputy_open(const char *directory, const char *program, struct deputy **ret)
{
    struct deputy_service service = {
        .directory = copy(directory), .program = copy(program), .turn = -1};
    const struct servant_config config = {
        .name = "kaname-deputy", .begin = deputy_begin, .serve = deputy_serve, .context = &service};
    struct deputy *d = mem_alloc(sizeof(*d));
    int err = servant_open(&config, &d->socket, &d->pid);
    mem_free(service.directory);
    mem_free(service.program);
    if (err)
        mem_free(d);
    else
        *ret = d;
    return err;
}

void deputy_close(struct deputy *d)
{
    if (!d)
        return;
    if (d->watch)
        loop_fd_close(d->watch);
    servant_close(d->socket, d->pid);
    buf_release(&d->request);
    mem_free(d);
}

/* As if it were killed: clusters and hosts go on, and the next start finds them. */
static noreturn_func void end_with_deputy(void)
{
    log_error("the region's deputy is gone, so the region ends: start it again");
    quick_exit(EXIT_FAILURE);
}

/* Nothing comes but answers, which are waited for. */
static void hung_up(void *arg maybe_unused, int events maybe_unused)
{
    end_with_deputy();
}

void deputy_watch(struct deputy *d, struct loop *loop)
{
    d->watch = loop_fd_open(loop, d->socket, 1, hung_up, d);
}

/* 0 or -errno; a descriptor comes with 0 only. */
static int ask(struct deputy *d, const struct buf *request, struct deputy_answer *ret, int *ret_fd)
{
    int fd;
    ssize_t size = servant_ask(d->socket, buf_str(request), ret, sizeof(*ret), &fd);
    int err = size < 0 ? (int)size : size != sizeof(*ret) ? -EBADMSG : ret->err;
    if (size == -EPIPE)
        end_with_deputy();
    if (!err && ret_fd && fd < 0)
        err = -EBADMSG;
    if (fd >= 0 && (err || !ret_fd))
        socket_close(fd);
    if (!err && ret_fd)
        *ret_fd = fd;
    return err;
}

/* One with up to three texts. */
static int ask_of(struct deputy *d, enum deputy_request_type type, const struct str *texts,
                  size_t count, struct deputy_answer *ret)
{
    struct deputy_answer unused;
    deputy_request_begin(&d->request, type);
    for (size_t i = 0; i < count; i++)
        deputy_request_add(&d->request, texts[i]);
    return ask(d, &d->request, ret ? ret : &unused, NULL);
}

int deputy_fabric(struct deputy *d, struct deputy_answer *ret, int *ret_netns_fd)
{
    deputy_request_begin(&d->request, DEPUTY_FABRIC);
    return ask(d, &d->request, ret, ret_netns_fd);
}

int deputy_write_credentials(struct deputy *d, struct str access_key, struct str secret_key,
                             struct str account, struct str region)
{
    const struct str texts[] = {access_key, secret_key, account, region};
    int err = ask_of(d, DEPUTY_CREDENTIALS, texts, ARRAY_COUNT(texts), NULL);
    explicit_bzero(d->request.data, d->request.len);
    return err;
}

int deputy_cluster_make(struct deputy *d, struct str cluster, uint32_t uid)
{
    struct deputy_answer answer;
    deputy_request_begin(&d->request, DEPUTY_CLUSTER_MAKE);
    deputy_request_add(&d->request, cluster);
    deputy_request_add_number(&d->request, uid);
    return ask(d, &d->request, &answer, NULL);
}

int deputy_cluster_remove(struct deputy *d, struct str cluster)
{
    return ask_of(d, DEPUTY_CLUSTER_REMOVE, &cluster, 1, NULL);
}

int deputy_subnet_add(struct deputy *d, struct str subnet, struct str cidr)
{
    const struct str texts[] = {subnet, cidr};
    return ask_of(d, DEPUTY_SUBNET_ADD, texts, ARRAY_COUNT(texts), NULL);
}

int deputy_endpoint_add(struct deputy *d, struct str subnet, struct ip wanted, struct ip *ret)
{
    struct deputy_answer answer;
    deputy_request_begin(&d->request, DEPUTY_ENDPOINT_ADD);
    deputy_request_add(&d->request, subnet);
    deputy_request_add_ip(&d->request, wanted);
    int err = ask(d, &d->request, &answer, NULL);
    if (!err)
        *ret = ip_from_u32(answer.addresses[0]);
    return err;
}

int deputy_endpoint_remove(struct deputy *d, struct ip address)
{
    struct deputy_answer answer;
    deputy_request_begin(&d->request, DEPUTY_ENDPOINT_REMOVE);
    deputy_request_add_ip(&d->request, address);
    return ask(d, &d->request, &answer, NULL);
}

static int ask_socket(struct deputy *d, enum deputy_request_type type, struct ip address,
                      uint16_t port, int *ret_fd)
{
    struct deputy_answer answer;
    deputy_request_begin(&d->request, type);
    if (address.family)
        deputy_request_add_ip(&d->request, address);
    deputy_request_add_number(&d->request, port);
    return ask(d, &d->request, &answer, ret_fd);
}

int deputy_listen(struct deputy *d, struct ip address, uint16_t port, int *ret_fd)
{
    return ask_socket(d, DEPUTY_LISTEN, address, port, ret_fd);
}

int deputy_connect(struct deputy *d, struct ip address, uint16_t port, int *ret_fd)
{
    return ask_socket(d, DEPUTY_CONNECT, address, port, ret_fd);
}

int deputy_publish(struct deputy *d, uint16_t port, int *ret_fd)
{
    return ask_socket(d, DEPUTY_PUBLISH, (struct ip){0}, port, ret_fd);
}

int deputy_host_find(struct deputy *d, struct str instance, struct deputy_answer *ret)
{
    return ask_of(d, DEPUTY_HOST_FIND, &instance, 1, ret);
}

int deputy_host_plug(struct deputy *d, struct str instance, struct str instance_type,
                     struct str subnet, struct deputy_answer *ret)
{
    const struct str texts[] = {instance, instance_type, subnet};
    return ask_of(d, DEPUTY_HOST_PLUG, texts, ARRAY_COUNT(texts), ret);
}

int deputy_host_unplug(struct deputy *d, struct str instance)
{
    return ask_of(d, DEPUTY_HOST_UNPLUG, &instance, 1, NULL);
}

void deputy_work_forget(struct deputy_work *w)
{
    if (!w)
        return;
    loop_fd_close(w->watch);
    socket_close(w->fd);
    mem_free(w);
}

/* A result is shorter than what a pipe takes at once: it is there whole, or its writer is gone. */
static void work_ended(void *arg, int events maybe_unused)
{
    struct deputy_work *w = arg;
    struct deputy_result result;
    ssize_t got = process_read(w->fd, &result, sizeof(result));
    if (got == -EAGAIN)
        return;
    if (got != sizeof(result))
        result = (struct deputy_result){-EPIPE, "being there until the end"};
    result.step[sizeof(result.step) - 1] = 0;
    void (*done)(void *, int, const char *) = w->done;
    void *done_arg = w->arg;
    deputy_work_forget(w);
    done(done_arg, result.err, result.step);
}

int deputy_work_start(struct deputy *d, struct loop *loop, const struct buf *request,
                      void (*done)(void *arg, int err, const char *step), void *arg,
                      struct deputy_work **ret)
{
    struct deputy_answer answer;
    int fd;
    int err = ask(d, request, &answer, &fd);
    if (err)
        return err;
    struct deputy_work *w = mem_alloc(sizeof(*w));
    *w = (struct deputy_work){.fd = fd, .done = done, .arg = arg};
    w->watch = loop_fd_open(loop, fd, 1, work_ended, w);
    *ret = w;
    return 0;
}
