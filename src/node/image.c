#include <errno.h>

#include "base/encode.h"
#include "base/vec.h"
#include "kernel/path.h"
#include "net/digest.h"
#include "node/image.h"

enum {
    BUSYBOX_BYTES_MAX = 16 << 20
};

static struct str digest(struct arena *a, struct str data)
{
    uint8_t sum[SHA256_BYTES];
    digest_sha256(data, sum);
    return hex_encode(a, sum, sizeof(sum));
}

static void add_blob(struct arena *a, struct buf *tar, struct str data, struct str *ret_digest)
{
    *ret_digest = digest(a, data);
    struct str path = arena_printf(a, "blobs/sha256/%.*s", STR_ARG(*ret_digest));
    tar_add(tar, &(struct tar_member){.path = path.data, .mode = 0444, .data = data});
}

static void json_list(struct buf *out, const char *name, const char *const *items)
{
    if (!items || !items[0])
        return;
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; items[i]; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", items[i]);
    buf_putc(out, ']');
}

static void write_config(const struct image *image, struct str layer, struct buf *out)
{
#if defined(__aarch64__)
    const char *architecture = "arm64";
#else
    const char *architecture = "amd64";
#endif
    buf_printf(out, "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"WorkingDir\":\"%s\"",
               architecture, image->working_dir ? image->working_dir : "/");
    if (image->user)
        buf_printf(out, ",\"User\":\"%s\"", image->user);
    json_list(out, "Entrypoint", image->entrypoint);
    json_list(out, "Cmd", image->command);
    json_list(out, "Env", image->environment);
    buf_printf(out, "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%.*s\"]}}",
               STR_ARG(layer));
}

void image_write(const struct image *image, struct buf *ret_tar)
{
    struct arena a = ARENA_INIT;
    struct buf layer = BUF_INIT, config = BUF_INIT, manifest = BUF_INIT, index = BUF_INIT;
    struct str layer_digest, config_digest, manifest_digest;
    for (size_t i = 0; i < image->file_count; i++)
        tar_add(&layer, &image->files[i]);
    tar_end(&layer);
    tar_add(ret_tar, &(struct tar_member){.path = "oci-layout",
                                          .mode = 0444,
                                          .data = STR("{\"imageLayoutVersion\":\"1.0.0\"}")});
    add_blob(&a, ret_tar, buf_str(&layer), &layer_digest);
    write_config(image, layer_digest, &config);
    add_blob(&a, ret_tar, buf_str(&config), &config_digest);
    buf_printf(&manifest,
               "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
               "\"config\":{\"mediaType\":\"application/"
               "vnd.oci.image.config.v1+json\",\"digest\":\"sha256:%.*s\",\"size\":%zu},"
               "\"layers\":[{\"mediaType\":\"application/"
               "vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:%.*s\",\"size\":%zu}]}",
               STR_ARG(config_digest), config.len, STR_ARG(layer_digest), layer.len);
    add_blob(&a, ret_tar, buf_str(&manifest), &manifest_digest);
    buf_puts(&index, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; image->names[i]; i++)
        buf_printf(&index,
                   "%s{\"mediaType\":\"application/"
                   "vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:%.*s\",\"size\":%zu,"
                   "\"annotations\":{\"io.containerd.image.name\":\"%s\",\"org.opencontainers."
                   "image.ref.name\":\"%s\"}}",
                   i ? "," : "", STR_ARG(manifest_digest), manifest.len, image->names[i],
                   image->names[i]);
    buf_puts(&index, "]}");
    tar_add(ret_tar,
            &(struct tar_member){.path = "index.json", .mode = 0444, .data = buf_str(&index)});
    tar_end(ret_tar);
    buf_release(&layer);
    buf_release(&config);
    buf_release(&manifest);
    buf_release(&index);
    arena_release(&a);
}

#if defined(__x86_64__)
/* A whole ELF program: header, one loadable segment, code.
 *   rt_sigaction(SIGCHLD, {SIG_IGN}, NULL, 8): the kernel collects orphans; then pause() for ever.
 */
static const uint8_t pause_program[] = {
    0x7f, 'E',  'L',  'F',  2,    1,    1,    0,
    0,    0,    0,    0,    0,    0,    0,    0, /* 64-bit, little endian */
    2,    0,    62,   0,    1,    0,    0,    0, /* executable, x86-64 */
    0x78, 0,    0x40, 0,    0,    0,    0,    0, /* entry */
    64,   0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0, /* program headers; no sections */
    0,    0,    0,    0,    64,   0,    56,   0,
    1,    0,    64,   0,    0,    0,    0,    0, /* sizes */
    1,    0,    0,    0,    5,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0, /* load, read and execute */
    0,    0,    0x40, 0,    0,    0,    0,    0,
    0,    0,    0x40, 0,    0,    0,    0,    0, /* at 0x400000 */
    0x9b, 0,    0,    0,    0,    0,    0,    0,
    0x9b, 0,    0,    0,    0,    0,    0,    0, /* size in file and memory */
    0,    0x10, 0,    0,    0,    0,    0,    0, /* alignment */
    0x31, 0xd2, 0x52, 0x52, 0x52,                /* xor edx,edx; push rdx three times */
    0x6a, 0x01, 0x48, 0x89, 0xe6,                /* push 1; mov rsi,rsp */
    0x6a, 0x11, 0x5f, 0x6a, 0x08, 0x41, 0x5a,    /* rdi = 17; r10 = 8 */
    0x6a, 0x0d, 0x58, 0x0f, 0x05,                /* rax = 13; syscall */
    0x6a, 0x22, 0x58, 0x0f, 0x05, 0xeb, 0xf9,    /* rax = 34; syscall; again */
    0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
};
#else
static const uint8_t pause_program[1];
#endif

int image_pause(struct buf *ret_tar)
{
    static const char *const names[] = {IMAGE_PAUSE, NULL}, *const entrypoint[] = {"/pause", NULL};
    if (sizeof(pause_program) == 1)
        return -ENOTSUP;
    struct tar_member file = {.path = "pause",
                              .mode = 0755,
                              .data = {(const char *)pause_program, sizeof(pause_program)}};
    struct image image = {.names = names,
                          .entrypoint = entrypoint,
                          .files = &file,
                          .file_count = 1,
                          .user = "65535:65535"};
    image_write(&image, ret_tar);
    return 0;
}

int image_busybox(const char *program, struct buf *ret_tar)
{
    static const char *const applets[] = {
        "sh",     "ash",        "cat",      "chmod",    "chown",   "cp",       "cut",
        "date",   "dd",         "df",       "dirname",  "du",      "echo",     "env",
        "expr",   "false",      "find",     "grep",     "head",    "hostname", "httpd",
        "id",     "ifconfig",   "ip",       "kill",     "killall", "ln",       "ls",
        "md5sum", "mkdir",      "mkfifo",   "mknod",    "mktemp",  "more",     "mount",
        "mv",     "nc",         "netstat",  "nslookup", "ping",    "printenv", "printf",
        "ps",     "pwd",        "readlink", "rm",       "rmdir",   "route",    "sed",
        "seq",    "sha256sum",  "sleep",    "sort",     "stat",    "sync",     "sysctl",
        "tail",   "tar",        "tee",      "telnet",   "test",    "top",      "touch",
        "tr",     "traceroute", "true",     "umount",   "uname",   "uniq",     "vi",
        "wc",     "wget",       "which",    "whoami",   "xargs",   "yes"};
    static const char *const names[] = {IMAGE_BUSYBOX, NULL};
    static const char *const command[] = {"httpd", "-f", "-p", "8080", "-h", "/www", NULL};
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    struct buf binary cleanup_with(buf_release) = BUF_INIT;
    struct arena a = ARENA_INIT;
    VEC(struct tar_member) files = {0};
    int err = path_read(program, BUSYBOX_BYTES_MAX, &binary);
    if (err < 0)
        return err;
    static const struct tar_member fixed[] = {
        {.path = "bin/", .mode = 0755},
        {.path = "etc/", .mode = 0755},
        {.path = "www/", .mode = 0755},
        {.path = "tmp/", .mode = 01777},
        {.path = "root/", .mode = 0700},
        {.path = "var/", .mode = 0755},
        {.path = "etc/passwd",
         .mode = 0644,
         .data = STR("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
        {.path = "etc/group", .mode = 0644, .data = STR("root:x:0:\nnogroup:x:65534:\n")},
        {.path = "www/index.html",
         .mode = 0644,
         .data = STR("<!doctype html><title>kaname</title><h1>It runs.</h1>\n")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        vec_push(&files, fixed[i]);
    struct tar_member busybox = {.path = "bin/busybox", .mode = 0755, .data = buf_str(&binary)};
    vec_push(&files, busybox);
    for (size_t i = 0; i < ARRAY_COUNT(applets); i++) {
        struct tar_member link = {
            .path = arena_printf(&a, "bin/%s", applets[i]).data, .mode = 0777, .link = "busybox"};
        vec_push(&files, link);
    }
    struct image image = {.names = names,
                          .command = command,
                          .environment = environment,
                          .files = files.items,
                          .file_count = files.count};
    image_write(&image, ret_tar);
    vec_release(&files);
    arena_release(&a);
    return 0;
}

int image_import(const struct host *host, const char *cgroup, struct str tar,
                 struct buf *ret_output)
{
    static const char *const argv[] = {"/usr/bin/ctr", "--namespace", "k8s.io", "images",
                                       "import",       "-",           NULL};
    int fd cleanup_with(fd_close_ptr) = -1;
    int err = memory_file(tar, &fd);
    if (err < 0)
        return err;
    return host_run(host, cgroup, argv, fd, ret_output);
}
