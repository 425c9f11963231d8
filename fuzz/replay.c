/* Runs a fuzz target over the files of its corpus, so that every find stays a test without a
 * fuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return;
    static uint8_t data[1 << 20];
    size_t size = fread(data, 1, sizeof(data), f);
    fclose(f);
    /* A copy of the exact size, so that reading past the end is seen. */
    uint8_t *copy = mem_dup(data, size);
    LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir)
            continue;
        for (struct dirent *e; (e = readdir(dir));) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            run_file(path);
            count++;
        }
        closedir(dir);
    }
    printf("%d passed, 0 failed\n", count);
    return 0;
}
