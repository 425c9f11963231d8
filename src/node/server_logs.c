/* /containerLogs: the lines of a container's log file, from where and as many as asked, and what
 * comes after them. */
#include <errno.h>

#include "kernel/path.h"
#include "node/log_files.h"
#include "node/server.h"

enum {
    CHUNK_BYTES = 64 << 10,
    POLL_MS = 100,
    LINE_BYTES_MAX = 1 << 20
};

struct log_options {
    bool follow, previous, timestamps;
    int64_t tail;     /* lines; -1: all */
    int64_t since_us; /* 0: from the start */
    int64_t limit;    /* bytes; -1: all */
    bool out, err;
};

struct log_stream {
    struct agent *agent;
    struct http_request *req;
    struct log_options options;
    char *path;                /* owned; of the newest file */
    char *pod_uid, *container; /* owned: to see whether it still runs */
    unsigned runs;             /* container.runs when this was the last of them */
    int fd;
    uint64_t inode, offset;
    struct buf pending; /* the start of a line */
    struct timer timer;
    int64_t sent;
    bool line_open;  /* the last line was partial: its next part has no time of its own */
    bool was_newest; /* the runtime may write to this file still, when there is a newer one */
};

/* A line: TIME STREAM TAGS TEXT. */
struct log_line {
    struct str time, text;
    bool err, partial;
};

static bool parse_line(struct str line, struct log_line *ret)
{
    struct str stream, tags;
    ret->time = str_cut(&line, ' ');
    stream = str_cut(&line, ' ');
    tags = str_cut(&line, ' ');
    ret->text = line.data ? line : STR("");
    ret->err = str_is(stream, "stderr");
    ret->partial = tags.len && tags.data[0] == 'P';
    return ret->time.len > 20 && (ret->err || str_is(stream, "stdout"));
}

static bool wanted(const struct log_stream *s, const struct log_line *l)
{
    int64_t us;
    if (l->err ? !s->options.err : !s->options.out)
        return false;
    return !s->options.since_us || (time_parse(l->time, &us) == 0 && us >= s->options.since_us);
}

static void write_line(struct log_stream *s, const struct log_line *l)
{
    struct buf out cleanup_with(buf_release) = BUF_INIT;
    if (s->options.timestamps && !s->line_open)
        buf_printf(&out, "%.*s ", STR_ARG(l->time));
    buf_add(&out, l->text);
    if (!l->partial)
        buf_putc(&out, '\n');
    s->line_open = l->partial;
    struct str text = buf_str(&out);
    if (s->options.limit >= 0 && s->sent + (int64_t)text.len > s->options.limit)
        text = str_slice(text, 0, (size_t)(s->options.limit - s->sent));
    s->sent += (int64_t)text.len;
    http_stream_write(s->req, text);
}

static bool limit_reached(const struct log_stream *s)
{
    return s->options.limit >= 0 && s->sent >= s->options.limit;
}

/* Where the last lines begin, *lines at most: read backwards in chunks. Takes those that were found
 * from *lines. */
static uint64_t tail_offset(int fd, uint64_t size, int64_t *lines)
{
    char chunk[4096];
    uint64_t end = size;
    if (*lines == 0)
        return size;
    while (end > 0) {
        size_t want = (size_t)MIN(end, (uint64_t)sizeof(chunk));
        ssize_t got = path_read_at(fd, end - want, chunk, want);
        if (got <= 0)
            return 0;
        for (ssize_t i = got; i-- > 0;) {
            if (chunk[i] != '\n' || end - want + (uint64_t)i + 1 == size)
                continue;
            if (--*lines == 0)
                return end - want + (uint64_t)i + 1;
        }
        end -= want;
    }
    *lines -= size > 0; /* the first one has no end of line before it */
    return 0;
}

static void stream_free(struct log_stream *s)
{
    timer_stop(&s->timer);
    fd_close(s->fd);
    buf_release(&s->pending);
    mem_free(s->path);
    mem_free(s->pod_uid);
    mem_free(s->container);
    mem_free(s);
}

static void on_gone(struct http_request *req)
{
    struct log_stream *s = req->user;
    req->user = NULL;
    if (s)
        stream_free(s);
}

/* Reads what is there; false when the peer has to catch up first. */
static bool pump(struct log_stream *s)
{
    for (;;) {
        if (http_stream_unsent(s->req) > CHUNK_BYTES * 4)
            return false;
        ssize_t got =
            path_read_at(s->fd, s->offset, buf_reserve(&s->pending, CHUNK_BYTES), CHUNK_BYTES);
        if (got <= 0)
            return true;
        s->offset += (uint64_t)got;
        s->pending.len += (size_t)got;
        size_t done = 0;
        for (char *end; (end = memchr(s->pending.data + done, '\n', s->pending.len - done)) &&
                        !limit_reached(s);) {
            struct log_line line;
            struct str text = {s->pending.data + done, (size_t)(end - s->pending.data) - done};
            if (parse_line(text, &line) && wanted(s, &line))
                write_line(s, &line);
            done = (size_t)(end - s->pending.data) + 1;
        }
        buf_consume(&s->pending, done);
        if (limit_reached(s) || s->pending.len > LINE_BYTES_MAX)
            return true;
    }
}

static bool still_runs(const struct log_stream *s)
{
    struct pod *p = agent_pod(s->agent, str_from(s->pod_uid));
    struct container *c = p ? pod_container(p, str_from(s->container)) : NULL;
    return c && container_alive(c) && c->runs == s->runs;
}

static void end_stream(struct log_stream *s)
{
    struct http_request *req = s->req;
    http_stream_end(req);
}

static void open_file(struct log_stream *s, const struct log_files *files, size_t index)
{
    const struct log_file *file = &files->items.items[index];
    int fd;
    if (path_open_read(file->path, &fd) < 0)
        return;
    fd_close(s->fd);
    s->fd = fd;
    s->inode = file->inode;
    s->offset = 0;
    s->was_newest = index + 1 == files->items.count;
}

/* This file was read to its end: true when another follows, to be read soon. */
static bool next_file(struct log_stream *s)
{
    struct log_files files;
    bool more = false;
    log_files_list(s->path, &files);
    size_t count = files.items.count, at = 0;
    while (at < count && files.items.items[at].inode != s->inode)
        at++;
    if (at + 1 < count && s->was_newest) {
        s->was_newest = false; /* one more look, for what came before the runtime took the next */
        more = true;
    } else if (count && at + 1 != count) {
        /* One that was removed while it was read is followed by the oldest that is left. */
        open_file(s, &files, at < count ? at + 1 : 0);
        more = true;
    }
    log_files_release(&files);
    return more;
}

static void on_timer(void *arg)
{
    struct log_stream *s = arg;
    bool runs = still_runs(s);
    bool all = pump(s);
    bool newest = s->was_newest;
    bool more = all && next_file(s);
    if (limit_reached(s) || (all && !more && !runs))
        end_stream(s);
    else
        timer_start(&s->timer, more && !newest ? 0 : POLL_MS);
}

static int read_options(struct http_request *req, struct log_options *o, const char **ret_bad,
                        int64_t now_us)
{
    struct str text;
    *o = (struct log_options){.tail = -1, .limit = -1, .out = true, .err = true};
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"follow", &o->follow}, {"previous", &o->previous}, {"timestamps", &o->timestamps}};
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        if (http_query(req, flags[i].name, &text))
            *flags[i].flag = str_is(text, "true") || str_is(text, "1") || !text.len;
    }
    *ret_bad = "tailLines";
    if (http_query(req, "tailLines", &text) && (str_to_i64(text, &o->tail) < 0 || o->tail < 0))
        return -1;
    *ret_bad = "limitBytes";
    if (http_query(req, "limitBytes", &text) && (str_to_i64(text, &o->limit) < 0 || o->limit < 1))
        return -1;
    *ret_bad = "sinceSeconds";
    int64_t seconds;
    if (http_query(req, "sinceSeconds", &text)) {
        if (str_to_i64(text, &seconds) < 0 || seconds < 1)
            return -1;
        o->since_us = now_us - seconds * 1000000;
    }
    *ret_bad = "sinceTime";
    if (http_query(req, "sinceTime", &text) && time_parse(text, &o->since_us) < 0)
        return -1;
    if (http_query(req, "stream", &text) && !str_is(text, "All")) {
        o->out = str_is(text, "Stdout");
        o->err = str_is(text, "Stderr");
    }
    return 0;
}

void container_log_tail(const struct container *c, unsigned run, struct buf *ret)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    uint64_t inode, size;
    int fd cleanup_with(fd_close_ptr) = -1;
    container_log_path(c, run, &path);
    if (path_open_read(path.data, &fd) < 0 || path_identity(fd, NULL, &inode, &size) < 0)
        return;
    int64_t lines = TERMINATION_LOG_LINES;
    uint64_t from = tail_offset(fd, size, &lines);
    from = MAX(from, size > CHUNK_BYTES ? size - CHUNK_BYTES : 0);
    ssize_t got = path_read_at(fd, from, buf_reserve(&text, CHUNK_BYTES), CHUNK_BYTES);
    text.len += got > 0 ? (size_t)got : 0;
    struct str rest = buf_str(&text);
    while (rest.len) {
        struct log_line line;
        if (!parse_line(str_cut(&rest, '\n'), &line))
            continue;
        buf_add(ret, line.text);
        if (!line.partial)
            buf_putc(ret, '\n');
    }
    if (ret->len > TERMINATION_LOG_BYTES)
        buf_consume(ret, ret->len - TERMINATION_LOG_BYTES);
}

/* The file that the wanted lines begin in: the oldest, or as far back as a tail reaches. */
static void open_first(struct log_stream *s, const struct log_files *files)
{
    int64_t left = s->options.tail;
    for (size_t i = files->items.count; i-- > 0;) {
        open_file(s, files, left < 0 ? 0 : i);
        if (s->fd < 0 || left < 0)
            return;
        s->offset = tail_offset(s->fd, files->items.items[i].size, &left);
        if (left == 0)
            return;
    }
}

static void begin_stream(struct log_stream *s, struct http_request *req)
{
    struct http_header type = {STR("Content-Type"), STR("text/plain")};
    s->req = req;
    http_stream_begin(req, &(struct http_reply){.code = 200, .headers = &type, .header_count = 1});
    req->user = s;
    req->on_gone = on_gone;
    timer_start(&s->timer, 0);
}

void server_logs(struct agent *a, struct http_request *req, struct str rest)
{
    struct server_target target;
    struct log_options options;
    const char *bad;
    if (!server_find(a, req, rest, true, &target))
        return;
    if (read_options(req, &options, &bad, agent_now_us(a)) < 0) {
        server_error(req, 400, "Invalid value of %s", bad);
        return;
    }
    struct container *c = target.container;
    if (c->runs == 0 || (options.previous && c->runs < 2)) {
        server_error(req, 400, "%scontainer \"%s\" in pod \"%s\" %s",
                     options.previous ? "previous terminated " : "", c->name, target.pod->name,
                     options.previous ? "not found" : "is waiting to start: ContainerCreating");
        return;
    }
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    struct log_files files;
    container_log_path(c, c->runs - (options.previous ? 2 : 1), &path);
    log_files_list(path.data, &files);
    struct log_stream *s = mem_alloc(sizeof(*s));
    s->agent = a;
    s->options = options;
    s->fd = -1;
    s->path = text_copy(buf_str(&path));
    s->pod_uid = text_copy(str_from(options.follow ? target.pod->uid : "")); /* nobody runs */
    s->container = text_copy(str_from(c->name));
    s->runs = c->runs;
    timer_init(&s->timer, a->loop, on_timer, s);
    open_first(s, &files);
    log_files_release(&files);
    if (s->fd < 0) {
        server_error(req, 404, "failed to try resolving the log of container \"%s\": %s", c->name,
                     strerror(ENOENT));
        stream_free(s);
        return;
    }
    begin_stream(s, req);
}
