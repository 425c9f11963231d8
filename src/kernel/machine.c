#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "kernel/machine.h"

void machine_read(struct machine *ret)
{
    static const struct {
        const char *kernel, *kubernetes;
    } names[] = {{"x86_64", "amd64"},
                 {"aarch64", "arm64"},
                 {"ppc64le", "ppc64le"},
                 {"s390x", "s390x"},
                 {"riscv64", "riscv64"}};
    struct sysinfo info = {0};
    struct utsname name = {0};
    sysinfo(&info);
    uname(&name);
    *ret = (struct machine){.cpus = get_nprocs(),
                            .memory_bytes = (int64_t)info.totalram * info.mem_unit,
                            .architecture = "amd64"};
    snprintf(ret->kernel, sizeof(ret->kernel), "%s", name.release);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(name.machine, names[i].kernel) == 0)
            ret->architecture = names[i].kubernetes;
    }
}

void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}
