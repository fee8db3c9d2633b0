#include "meetpool/fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MOST 64

void mp_fault(const char *name)
{
    const char *path = getenv("MP_FAULT_FILE");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    char wanted[NAME_MOST] = "";
    bool is_this;

    if (file == NULL)
        return;
    is_this = fgets(wanted, sizeof(wanted), file) != NULL && strcmp(wanted, name) == 0;
    fclose(file);
    /* Of two that come here at once the one that removes the file dies. */
    if (is_this && unlink(path) == 0)
        kill(getpid(), SIGKILL);
}
