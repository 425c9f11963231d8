#include "sys/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

bool terminal_is(int stream)
{
    return isatty(stream) == 1;
}

unsigned terminal_columns(void)
{
    struct winsize size;
    return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void end(int signal_number maybe_unused)
{
    _exit(0);
}

void time_limit_set(unsigned ms)
{
    const struct itimerval limit = {
        .it_value = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000}};
    signal(SIGALRM, end);
    setitimer(ITIMER_REAL, &limit, NULL);
}

static void change_held(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(how, &set, NULL);
}

void signals_hold(void)
{
    change_held(SIG_BLOCK);
}

void signals_release(void)
{
    change_held(SIG_UNBLOCK);
}

uint64_t open_files_max(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : limit.rlim_max;
}
