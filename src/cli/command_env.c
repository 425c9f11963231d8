/* `kaname env`: what aws, SDKs and Terraform need to find this region, and nothing that would lead
 * them elsewhere. */
#include "cli/aws_profile.h"
#include "cli/cli.h"
#include "cli/kubeconfig.h"
#include "object/seal.h"
#include "region/endpoint.h"

extern char **environ;

enum {
    VARIABLES_MAX = 256
};

struct values {
    const char *data_dir, *format, *profile;
    bool unset, tls;
};

struct variable {
    struct str name;
    struct str value; /* data NULL: is cleared */
};

struct environment {
    struct arena *arena;
    struct variable list[VARIABLES_MAX];
    size_t count;
};

/* Inherited settings that would send a client elsewhere, or take another's keys. */
static const char *const cleared[] = {"AWS_PROFILE",
                                      "AWS_DEFAULT_PROFILE",
                                      "AWS_ACCESS_KEY_ID",
                                      "AWS_SECRET_ACCESS_KEY",
                                      "AWS_SESSION_TOKEN",
                                      "AWS_SECURITY_TOKEN",
                                      "AWS_ENDPOINT_URL",
                                      "AWS_ENDPOINT_URL_EKS",
                                      "AWS_ENDPOINT_URL_EKS_AUTH",
                                      "AWS_ENDPOINT_URL_STS",
                                      "AWS_ENDPOINT_URL_IAM",
                                      "AWS_ENDPOINT_URL_EC2",
                                      "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                      "AWS_REGION",
                                      "AWS_DEFAULT_REGION",
                                      "AWS_CA_BUNDLE",
                                      "AWS_USE_FIPS_ENDPOINT",
                                      "AWS_USE_DUALSTACK_ENDPOINT",
                                      "AWS_ROLE_ARN",
                                      "AWS_ROLE_SESSION_NAME",
                                      "AWS_WEB_IDENTITY_TOKEN_FILE",
                                      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"};

static void put(struct environment *e, struct str name, struct str value)
{
    for (size_t i = 0; i < e->count; i++)
        if (str_equal(e->list[i].name, name)) {
            if (!e->list[i].value.data)
                e->list[i].value = value;
            return;
        }
    if (e->count < VARIABLES_MAX)
        e->list[e->count++] = (struct variable){name, value};
}

/* All services' endpoints, also those that this program never heard of. */
static void clear_inherited(struct environment *e)
{
    for (size_t i = 0; i < ARRAY_COUNT(cleared); i++)
        put(e, str_from(cleared[i]), STR_NONE);
    for (char **entry = environ; *entry; entry++) {
        struct str rest = str_from(*entry);
        struct str name = str_cut(&rest, '=');
        if (str_starts(name, "AWS_ENDPOINT_URL_"))
            put(e, name, STR_NONE);
    }
}

static void print_quoted(struct str value, bool fish)
{
    putchar('\'');
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] == '\'')
            fputs(fish ? "\\'" : "'\\''", stdout);
        else
            putchar(value.data[i]);
    putchar('\'');
}

static void print_shell(const struct environment *e, bool unset, bool fish)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct variable *v = &e->list[i];
        if (unset || !v->value.data) {
            printf(fish ? "set -e %.*s;\n" : "unset %.*s\n", STR_ARG(v->name));
            continue;
        }
        printf(fish ? "set -gx %.*s " : "export %.*s=", STR_ARG(v->name));
        print_quoted(v->value, fish);
        puts(fish ? ";" : "");
    }
}

static void print_json(const struct environment *e)
{
    struct node *object = node_map(e->arena);
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < e->count; i++)
        if (e->list[i].value.data)
            node_set(e->arena, object, e->list[i].name, node_text(e->arena, e->list[i].value));
    node_to_json(&text, object, ENCODE_PRETTY);
    printf("%s\n", text.data);
    buf_release(&text);
}

/* KUBECONFIG stays what it is when it is set: it may be a list, and was set by somebody. */
static void add_kubeconfig(struct environment *e, bool unset)
{
    const char *now = getenv("KUBECONFIG");
    struct str usual = kubeconfig_default(e->arena);
    if (unset && (!now || !str_is(usual, now)))
        return;
    put(e, STR("KUBECONFIG"), now && *now ? arena_str(e->arena, str_from(now)) : usual);
}

static void fill(struct environment *e, const struct values *v, const struct region_access *r)
{
    if (v->profile) {
        put(e, STR("AWS_PROFILE"), str_from(v->profile));
    } else {
        put(e, STR("AWS_ENDPOINT_URL"),
            arena_printf(e->arena, "%s://127.0.0.1:%u", v->tls ? "https" : "http", r->port));
        if (v->tls)
            put(e, STR("AWS_CA_BUNDLE"), endpoint_authority_path(e->arena, r->directory.data));
        put(e, STR("AWS_REGION"), r->name);
        put(e, STR("AWS_DEFAULT_REGION"), r->name);
        put(e, STR("AWS_ACCESS_KEY_ID"), r->access_key);
        put(e, STR("AWS_SECRET_ACCESS_KEY"), r->secret_key);
    }
    put(e, STR("AWS_EC2_METADATA_DISABLED"), STR("true"));
    add_kubeconfig(e, v->unset);
    clear_inherited(e);
}

static int print_environment(struct arena *a, const struct values *v, const char *directory)
{
    struct region_access r = {0};
    struct status st;
    bool changed;
    const struct teller teller = {.data_dir = directory};
    struct str format = str_from(v->format ? v->format : "sh");
    struct environment *e = arena_new(a, struct environment);
    e->arena = a;
    status_init(&st, a);
    if (!str_is(format, "sh") && !str_is(format, "fish") && !str_is(format, "json"))
        return command_fail(&teller, KN_USAGE, "--format is sh, fish or json, not %s", v->format);
    /* Clearing needs no region. */
    if (!v->unset && region_access_read(a, directory, &r))
        return command_fail(&teller, KN_REGION_NONE, "there is no region in %s", directory);
    if (v->profile && !v->unset && aws_profile_write(a, &r, v->profile, v->tls, &changed, &st))
        return command_fail_status(&teller, "", &st);
    fill(e, v, &r);
    if (str_is(format, "json"))
        print_json(e);
    else
        print_shell(e, v->unset, str_is(format, "fish"));
    return COMMAND_DONE;
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    char *directory = command_data_dir(v->data_dir);
    int status = print_environment(&a, v, directory);
    mem_free(directory);
    arena_release(&a);
    return status;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"format", 'f', "sh|fish|json", "Form of the output (default: sh)", OPTION_TEXT,
     offsetof(struct values, format)},
    {"profile", 0, "NAME",
     "Write an AWS profile with endpoint and keys, and let the environment name it", OPTION_TEXT,
     offsetof(struct values, profile)},
    {"tls", 0, NULL, "HTTPS, and the region's authority as the only one that clients trust",
     OPTION_FLAG, offsetof(struct values, tls)},
    {"unset", 'u', NULL, "Clear the variables instead", OPTION_FLAG,
     offsetof(struct values, unset)},
    {NULL},
};

REGISTER(command, env)
= {.name = "env",
   .summary = "Print the environment for aws, SDKs, Terraform and kubectl: eval \"$(kaname env)\"",
   .options = options,
   .values_size = sizeof(struct values),
   .run = run};
