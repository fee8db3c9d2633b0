/* Runs the fuzz target it is linked with once for each file of a folder: the first argument, else the target's own corpus. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

/* A block of just the file's size, so that AddressSanitizer sees a read behind its end. */
static int run_file(FILE *file, size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    int rc = data && fread(data, 1, size, file) == size ? 0 : -1;

    if (rc == 0)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return rc;
}

static int run_entry(int folder_fd, const char *name, unsigned *files)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");
    struct stat st;
    int rc = 0;

    if (!file || fstat(fd, &st) != 0) {
        perror(name);
        return -1;
    }
    if (S_ISREG(st.st_mode)) {
        rc = run_file(file, (size_t)st.st_size);
        (*files)++;
    }
    fclose(file);
    return rc;
}

static int run_folder(const char *folder, unsigned *files)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int rc = 0;

    if (!dir) {
        perror(folder);
        return -1;
    }
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        rc = run_entry(dirfd(dir), entry->d_name, files);
    closedir(dir);
    return rc;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir");
    char folder[4096];
    unsigned files = 0;

    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", FUZZ_CORPUS);
    if (run_folder(argc > 1 ? argv[1] : folder, &files) < 0)
        return 1;
    printf("%u files\n", files);
    return files > 0 ? 0 : 1;
}
