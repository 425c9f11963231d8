/* `kaname serve`: the region. */
#include <errno.h>

#include "base/log.h"
#include "cli/call.h"
#include "cli/cli.h"
#include "cli/turn.h"
#include "region/region.h"
#include "sys/daemon.h"
#include "sys/privilege.h"
#include "sys/share.h"
#include "sys/socket.h"
#include "sys/spawner.h"

enum {
    DYING_MS = 5000,
    DYING_STEP_MS = 5
};

struct values {
    const char *data_dir, *listen, *region;
};

static void defaults(void *values)
{
    struct values *v = values;
    v->listen = "127.0.0.1:0";
}

/* A region that was killed has its spawner until the kernel is through with it. */
static int take_spawner(struct arena *a, const char *directory, struct spawner **ret)
{
    const char *pid_file = region_pid_file(a, directory);
    pid_t pid;
    int err = region_spawner_open(directory, ret);
    for (int waited_ms = 0; err == -EBUSY && waited_ms < DYING_MS; waited_ms += DYING_STEP_MS) {
        if (pid_file_read(pid_file, &pid) == 0 && !pid_file_is_own(pid_file))
            break;
        wait_ms(DYING_STEP_MS);
        err = region_spawner_open(directory, ret);
    }
    if (err == -EBUSY)
        return command_fail(&(struct teller){.data_dir = directory}, KN_REGION_RUNS,
                            "a region runs in %s already", directory);
    if (err)
        return command_fail(NULL, KN_START_FAILED, "no process can be started in %s: %s", directory,
                            strerrordesc_np(-err));
    if (pid_file_write(pid_file))
        return command_fail(NULL, KN_FILE_UNWRITABLE, "%s can't be written", pid_file);
    return COMMAND_DONE;
}

/* In turn with others who start or end the region here: it is theirs to find from then on. */
static int become_region(const char *directory, struct spawner **ret)
{
    struct arena a = ARENA_INIT;
    struct status st;
    int turn;
    status_init(&st, &a);
    if (region_turn_take(&a, directory, &turn, &st)) {
        int refused = command_fail_status(NULL, "", &st);
        arena_release(&a);
        return refused;
    }
    int status = take_spawner(&a, directory, ret);
    if (status == COMMAND_DONE && region_hold(&a, directory, &st))
        status = command_fail_status(NULL, "", &st);
    turn_end(turn);
    arena_release(&a);
    return status;
}

static int prepare(struct region_config *config, const char *listen)
{
    const char *error = "";
    int err = region_prepare(config, &error);
    if (err)
        return command_fail(NULL, err == -EADDRINUSE ? KN_PORT_IN_USE : KN_START_FAILED,
                            "the region in %s can't start on %s: %s: %s", config->directory, listen,
                            error, strerrordesc_np(-err));
    return COMMAND_DONE;
}

/* Before there are threads, which would stay outside. */
static int shut_in(const struct region_config *config)
{
    const char *step = "";
    int err = region_shut_in(config, &step);
    if (err)
        return command_fail(NULL, KN_START_FAILED, "the region can't be confined, %s: %s", step,
                            strerrordesc_np(-err));
    return COMMAND_DONE;
}

/* Plain HTTP is for loopback alone. */
static bool is_loopback(const char *address)
{
    struct socket_address parsed;
    return socket_address_parse(address, 0, &parsed) == 0 && socket_address_loopback(&parsed);
}

static int run(void *values, int argc maybe_unused, char **argv maybe_unused)
{
    const struct values *v = values;
    struct arena a = ARENA_INIT;
    char address[64];
    uint16_t port;
    const char *error = NULL;
    if (command_parse_listen(v->listen, address, &port))
        return command_fail(NULL, KN_USAGE, "--listen is ADDRESS:PORT, not %s", v->listen);
    log_setup(LOG_INFO, "region");
    privilege_hide();
    share_all_files();
    char *directory = command_data_dir(v->data_dir);
    struct region_config config = {.directory = directory,
                                   .listen_address = address,
                                   .listen_port = port,
                                   .name = v->region,
                                   .program = program_path(&a).data};
    int status = become_region(directory, &config.spawner);
    if (status == COMMAND_DONE)
        status = prepare(&config, v->listen);
    if (status == COMMAND_DONE) {
        share_go_first();
        config.loop = command_loop();
        status = shut_in(&config);
    }
    if (status != COMMAND_DONE)
        return status;
    struct region *region = region_start(&config, &error);
    if (!region)
        return command_fail(NULL, KN_START_FAILED, "the region in %s can't start on %s: %s",
                            directory, v->listen, error);
    printf("ready %s://%s:%u\n", is_loopback(address) ? "http" : "https", address, config.port);
    fflush(stdout);
    loop_run(config.loop);
    region_stop(region);
    region_release(&config);
    mem_free(directory);
    arena_release(&a);
    return COMMAND_DONE;
}

static const struct command_option options[] = {
    OPTION_DATA_DIR(struct values, data_dir),
    {"listen", 'l', "ADDRESS:PORT",
     "Where to answer (default: 127.0.0.1 and the port of the last start)", OPTION_TEXT,
     offsetof(struct values, listen)},
    {"region", 'r', "NAME", "Name of the region at its first start (default: us-east-1)",
     OPTION_TEXT, offsetof(struct values, region)},
    {NULL},
};

REGISTER(command, serve)
= {.name = "serve",
   .summary = "Run the region: AWS-compatible endpoint and supervisor of clusters",
   .options = options,
   .values_size = sizeof(struct values),
   .defaults = defaults,
   .run = run};
