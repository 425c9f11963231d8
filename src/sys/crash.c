#include "sys/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

/* A handler has nothing but globals. A path is freed when nobody can be in the handler with it: the
 * process is about to end otherwise. */
static char *_Atomic marks[CRASH_MARKS];             /* owned */
static struct sigaction before[ARRAY_COUNT(deadly)]; /* what the signals did */

static void on_death(int number, siginfo_t *info, void *context maybe_unused)
{
    int kept = errno;
    for (size_t i = 0; i < CRASH_MARKS; i++) {
        const char *path = atomic_load(&marks[i]);
        int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
        if (fd >= 0)
            close(fd);
    }
    for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
        if (deadly[i] == number)
            sigaction(number, &before[i], NULL);
    errno = kept;
    /* A fault comes again by itself where it was. */
    if (info->si_code <= 0)
        raise(number); /* it waits until this handler returns */
}

void crash_mark_add(const char *path)
{
    for (size_t i = 0; i < ARRAY_COUNT(deadly); i++) {
        struct sigaction mine = {.sa_sigaction = on_death, .sa_flags = SA_SIGINFO | SA_ONSTACK},
                         now;
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_sigaction != on_death) {
            before[i] = now;
            sigaction(deadly[i], &mine, NULL);
        }
    }
    char *copy = mem_dup(path, strlen(path) + 1);
    for (size_t i = 0; i < CRASH_MARKS; i++) {
        char *nobody = NULL;
        if (atomic_compare_exchange_strong(&marks[i], &nobody, copy))
            return;
    }
    mem_free(copy);
}

void crash_mark_remove(const char *path)
{
    for (size_t i = 0; i < CRASH_MARKS; i++) {
        char *mark = atomic_load(&marks[i]);
        if (!mark || strcmp(mark, path) != 0)
            continue;
        atomic_store(&marks[i], NULL);
        mem_free(mark);
        return;
    }
}
