#include "cli/envtest.h"

#include "base/log.h"
#include "cli/cli.h"
#include "cluster/cluster.h"
#include "net/http.h"
#include "sys/whole_file.h"

enum {
    PEM_BYTES_MAX = 64 << 10
};

struct flags {
    struct str bind_address, secure_port, advertise_address, cert_dir, certificate_file, key_file,
        client_ca_file, token_key_file, service_cidr, issuer, plugins_off;
    struct str client_urls, data_dir;
};

struct flag {
    const char *name;
    size_t offset;
    bool list; /* given again, it adds */
    const char *help;
};

#define FLAG(member) offsetof(struct flags, member)

static const struct flag server_flags[] = {
    {"advertise-address", FLAG(advertise_address), false, "endpoint of the kubernetes Service"},
    {"bind-address", FLAG(bind_address), false, "where to listen"},
    {"cert-dir", FLAG(cert_dir), false, "certificates, and all state"},
    {"client-ca-file", FLAG(client_ca_file), false, "who signs clients' certificates"},
    {"disable-admission-plugins", FLAG(plugins_off), true, "plugins that are not asked"},
    {"secure-port", FLAG(secure_port), false, "port to listen on"},
    {"service-account-issuer", FLAG(issuer), false, "issuer of service accounts' tokens"},
    {"service-account-signing-key-file", FLAG(token_key_file), false, "key that signs them"},
    {"service-cluster-ip-range", FLAG(service_cidr), false, "addresses of Services"},
    {"tls-cert-file", FLAG(certificate_file), false, "serving certificate (apiserver.crt)"},
    {"tls-private-key-file", FLAG(key_file), false, "its key (apiserver.key)"},
    {NULL},
};

static const struct flag store_flags[] = {
    {"data-dir", FLAG(data_dir), false, "nothing is written there"},
    {"listen-client-urls", FLAG(client_urls), false, "where to tell that all is well"},
    {NULL},
};

bool envtest_called(const char *program_name)
{
    const char *name = basename(program_name);
    return strcmp(name, ENVTEST_SERVER_NAME) == 0 || strcmp(name, ENVTEST_STORE_NAME) == 0;
}

static void print_help(const struct flag *known)
{
    puts("Flags that are heeded:");
    for (; known->name; known++)
        printf("  --%-34s %s\n", known->name, known->help);
}

static void take_flag(struct arena *a, const struct flag *known, struct str name, struct str value,
                      struct flags *ret)
{
    for (; known->name; known++) {
        if (!str_is(name, known->name))
            continue;
        struct str *member = (struct str *)((char *)ret + known->offset);
        *member = known->list && !str_empty(*member)
                      ? arena_printf(a, "%.*s,%.*s", STR_ARG(*member), STR_ARG(value))
                      : arena_str(a, value);
        return;
    }
    fprintf(stderr, "kaname: --%.*s is not heeded\n", STR_ARG(name));
}

/* --name=value, --name value, --name. */
static void read_flags(struct arena *a, const struct flag *known, char **argv, struct flags *ret)
{
    for (argv++; *argv; argv++) {
        struct str rest = str_from(*argv);
        while (str_starts(rest, "-"))
            rest = str_slice(rest, 1, rest.len);
        struct str name = str_cut(&rest, '=');
        if (!rest.data && argv[1] && argv[1][0] != '-')
            rest = str_from(*++argv);
        take_flag(a, known, name, rest, ret);
    }
}

static int read_pem(struct arena *a, struct str path, struct str *ret)
{
    int err = str_empty(path) ? 0 : file_read_whole(a, arena_cstr(a, path), PEM_BYTES_MAX, ret);
    return err == 0 ? COMMAND_DONE
                    : command_fail(NULL, KN_FILE_UNREADABLE, "%.*s can't be read: %s",
                                   STR_ARG(path), strerror(-err));
}

/* What the caller put into --cert-dir counts without being named. */
static struct str usual_file(struct arena *a, const struct flags *f, struct str given,
                             const char *name)
{
    struct str path = arena_printf(a, "%.*s/%s", STR_ARG(f->cert_dir), name);
    return !str_empty(given) ? given : file_exists(path.data) ? path : STR_NONE;
}

static int read_files(struct arena *a, const struct flags *f, struct cluster_config *config)
{
    const struct {
        struct str path;
        struct str *ret;
    } files[] = {
        {usual_file(a, f, f->certificate_file, "apiserver.crt"), &config->serving_certificate_pem},
        {usual_file(a, f, f->key_file, "apiserver.key"), &config->serving_key_pem},
        {f->client_ca_file, &config->client_ca_pem},
        {f->token_key_file, &config->token_key_pem},
    };
    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        if (read_pem(a, files[i].path, files[i].ret) != COMMAND_DONE)
            return COMMAND_FAILED;
    return COMMAND_DONE;
}

static const char *text_or_null(struct arena *a, struct str text)
{
    return str_empty(text) ? NULL : arena_cstr(a, text);
}

static int run_server(struct arena *a, const struct flags *f)
{
    uint64_t port = 0;
    if (str_empty(f->cert_dir) || str_to_u64(f->secure_port, &port) < 0 || port > 65535)
        return command_fail(NULL, KN_USAGE, "--cert-dir and --secure-port are needed");
    struct loop *loop = command_loop();
    struct cluster_config config = {
        .loop = loop,
        .directory = arena_printf(a, "%.*s/kaname", STR_ARG(f->cert_dir)).data,
        .listen_address = str_empty(f->bind_address) ? "127.0.0.1" : arena_cstr(a, f->bind_address),
        .listen_port = (uint16_t)port,
        .advertise_address = text_or_null(a, f->advertise_address),
        .service_cidr = text_or_null(a, f->service_cidr),
        .issuer = text_or_null(a, f->issuer),
        .node_netns_fd = -1,
        .admission_off = f->plugins_off,
    };
    const char *error = "unknown";
    int status = read_files(a, f, &config);
    struct cluster *cluster = status == COMMAND_DONE ? cluster_start(&config, &error) : NULL;
    if (cluster) {
        loop_run(loop);
        cluster_stop(cluster);
    } else if (status == COMMAND_DONE) {
        status = command_fail(NULL, KN_START_FAILED, "the control plane can't start: %s", error);
    }
    loop_free(loop);
    return status;
}

static void answer_health(void *user maybe_unused, struct http_request *req)
{
    struct http_reply reply = {.code = str_is(req->path, "/health") ? 200 : 404};
    http_respond(req, &reply, reply.code == 200 ? STR("{\"health\":\"true\"}") : STR(""));
}

static int run_store(struct arena *a, const struct flags *f)
{
    char address[64];
    uint16_t port;
    struct str rest = f->client_urls, url = str_cut(&rest, ',');
    url = str_slice(url, str_starts(url, "http://") ? strlen("http://") : 0, url.len);
    if (command_parse_listen(arena_cstr(a, url), address, &port) < 0)
        return command_fail(NULL, KN_USAGE, "--listen-client-urls is needed");
    struct loop *loop = command_loop();
    struct http_server_config config = {.loop = loop, .handle = answer_health};
    struct http_server *server = http_server_new(&config);
    int err = http_server_listen(server, address, port, &port), status = COMMAND_DONE;
    if (err < 0)
        status = command_fail(NULL, KN_PORT_IN_USE, "can't listen on %.*s: %s", STR_ARG(url),
                              strerror(-err));
    else
        loop_run(loop);
    http_server_close(server);
    http_server_free(server);
    loop_free(loop);
    return status;
}

int envtest_main(int argc, char **argv)
{
    bool store = strcmp(basename(argv[0]), ENVTEST_STORE_NAME) == 0;
    const struct flag *known = store ? store_flags : server_flags;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_help(known);
        return COMMAND_DONE;
    }
    struct arena a = ARENA_INIT;
    struct flags flags = {.bind_address = STR_NONE};
    log_setup(LOG_INFO, store ? ENVTEST_STORE_NAME : ENVTEST_SERVER_NAME);
    read_flags(&a, known, argv, &flags);
    int status = store ? run_store(&a, &flags) : run_server(&a, &flags);
    arena_release(&a);
    return status;
}
