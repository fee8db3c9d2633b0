#include <stdio.h>

#include "ctl_int.h"

int ctl_migrate(struct ctl *ctl)
{
    struct mp_db_conf conf = {0};
    struct mp_conf_source *source;
    unsigned applied = 0, version = 0;
    const char *folder;
    struct mp_db *db;
    int rc = 1;

    if (!ctl_plain(ctl))
        return 2;
    if (mp_conf_open(ctl->arena, ctl->config_path, &source, &ctl->err) < 0 ||
        mp_conf_fill(ctl->arena, source, mp_db_settings, mp_db_settings_rows, &conf, &ctl->err) < 0)
        return ctl_failed(ctl);
    folder = mp_conf_get(source, "MEETPOOL_SCHEMA_DIR");
    db = mp_db_new(&conf, &ctl->log);
    if (mp_migrate(db, folder != NULL ? folder : MP_SCHEMA_DIR, &applied, &ctl->err) < 0 || mp_schema_version(db, &version, &ctl->err) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    if (applied == 0)
        printf("The schema is up to date (version %u).\n", version);
    else
        printf("The schema is at version %u now; changes applied: %u.\n", version, applied);
    rc = 0;
out:
    mp_db_free(db);
    return rc;
}
