/* `kaname serve`: the region. */
#include <errno.h>

#include "base/log.h"
#include "cli/call.h"
#include "cli/cli.h"
#include "cli/turn.h"
#include "cluster/prepare.h"
#include "region/confine.h"
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

/* Before there are threads, which would stay outside. */
static int shut_in(const char *directory)
{
    const char *step = "";
    bool confined;
    int err = confine_region(directory, &confined, &step);
    if (err)
        return command_fail(NULL, KN_START_FAILED, "the region can't be confined, %s: %s", step,
                            strerrordesc_np(-err));
    if (!confined)
        log_info("the region runs as root, which nodes need: it isn't confined itself");
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
    struct spawner *spawner;
    const char *error = NULL;
    if (command_parse_listen(v->listen, address, &port))
        return command_fail(NULL, KN_USAGE, "--listen is ADDRESS:PORT, not %s", v->listen);
    log_setup(LOG_INFO, "region");
    privilege_hide();
    share_all_files();
    cluster_prepare();
    char *directory = command_data_dir(v->data_dir);
    int status = become_region(directory, &spawner);
    if (status != COMMAND_DONE)
        return status;
    share_go_first();
    struct loop *loop = command_loop();
    const struct region_config config = {.loop = loop,
                                         .spawner = spawner,
                                         .directory = directory,
                                         .listen_address = address,
                                         .listen_port = port,
                                         .name = v->region,
                                         .program = program_path(&a).data};
    status = shut_in(directory);
    if (status != COMMAND_DONE)
        return status;
    struct region *region = region_start(&config, &error);
    if (!region)
        return command_fail(NULL,
                            str_find_str(str_from(error), STR("in use")) >= 0 ? KN_PORT_IN_USE
                                                                              : KN_START_FAILED,
                            "the region in %s can't start on %s: %s", directory, v->listen, error);
    printf("ready %s://%s:%u\n", is_loopback(address) ? "http" : "https", address,
           region_port(region));
    fflush(stdout);
    loop_run(loop);
    bool held = !region_stop(region);
    spawner_close(spawner);
    /* exit would wait for a job that waits for a node's runtime, for half a minute at most. */
    if (held)
        quick_exit(COMMAND_DONE);
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
