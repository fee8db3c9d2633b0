#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_int.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

/*
 * A host takes the lease by raising its fence, does one statement at a time, and renews the lease by its fence before each. A host that was paused
 * past its lease finds another fence and stops; what both did is repeatable. A statement may take longer than the lease: then the next host runs the
 * same statement, waits behind the first one's metadata lock, and finds it done.
 */
#define LEASE_MS      60000
#define LEASE_WAIT_MS 120000
#define LEASE_POLL_MS 100

/* ALTER TABLE on a large table takes its time. */
#define PATIENT_READ_TIMEOUT_S 3600

#define FILE_MOST_BYTES (1U << 20)
#define NUMBER_MOST     9999
#define TRIES_MOST      20

static const char *const own_tables[] = {
    "CREATE TABLE IF NOT EXISTS schema_lease (id TINYINT NOT NULL PRIMARY KEY, owner VARCHAR(64) NOT NULL, fence BIGINT NOT NULL,"
    " until_ms BIGINT NOT NULL) ENGINE=InnoDB",
    "INSERT IGNORE INTO schema_lease (id, owner, fence, until_ms) VALUES (1, '', 0, 0)",
    "CREATE TABLE IF NOT EXISTS schema_version (version INT NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, applied_at BIGINT NOT NULL)"
    " ENGINE=InnoDB",
};

static const struct mp_sql version_read = {"SELECT COALESCE(MAX(version), 0) FROM schema_version"};
static const struct mp_sql version_add = {"INSERT INTO schema_version (version, name, applied_at) VALUES (?, ?, " MP_DB_NOW_MS ")"};

/* Its own owner may take it again: the answer to the first try may have been lost. LAST_INSERT_ID() brings the new fence back. */
static const struct mp_sql lease_take = {"UPDATE schema_lease SET owner = ?, fence = LAST_INSERT_ID(fence + 1), until_ms = " MP_DB_NOW_MS " + ?"
                                         " WHERE id = 1 AND (until_ms < " MP_DB_NOW_MS " OR owner = ?)"};
/* Always changes the row, also twice in one millisecond: an unchanged row counts as not found. */
static const struct mp_sql lease_renew = {"UPDATE schema_lease SET until_ms = GREATEST(" MP_DB_NOW_MS " + ?, until_ms + 1)"
                                          " WHERE id = 1 AND fence = ?"};
static const struct mp_sql lease_end = {"UPDATE schema_lease SET owner = '', until_ms = 0 WHERE id = 1 AND fence = ?"};

struct migration {
    unsigned number;
    const char *name; /* of the file */
};

struct migrator {
    struct mp_db *db;
    struct mp_arena *arena;
    const char *dir;
    struct migration *files; /* in order; file i has the number i + 1 */
    size_t files_count;
    const char *owner;
    int64_t fence;
    const struct migration *file; /* the one being applied */
};

/* "NNNN-words.sql"; 0 for anything else. */
static unsigned number_of(const char *name)
{
    struct mp_slice text = mp_slice_of(name);
    unsigned number = 0;

    if (text.len < sizeof("0001-x.sql") - 1 || name[4] != '-' || strcmp(name + text.len - 4, ".sql") != 0)
        return 0;
    for (int i = 0; i < 4; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        number = number * 10 + (unsigned)(name[i] - '0');
    }
    return number;
}

static int list_file(struct migrator *m, const char *name, struct mp_error *err)
{
    size_t len = strlen(name);
    unsigned number = number_of(name);

    if (len < 4 || strcmp(name + len - 4, ".sql") != 0)
        return 0;
    if (number == 0)
        return mp_fail(err, MP_E_CONFIG, "%s/%s: the name of a migration is NNNN-words.sql", m->dir, name);
    if (m->files[number - 1].name)
        return mp_fail(err, MP_E_CONFIG, "%s: %s and %s have the same number", m->dir, m->files[number - 1].name, name);
    m->files[number - 1] = (struct migration){number, mp_arena_strdup(m->arena, name)};
    if (number > m->files_count)
        m->files_count = number;
    return 0;
}

static int list_files(struct migrator *m, struct mp_error *err)
{
    DIR *dir = opendir(m->dir);
    struct dirent *entry;
    int rc = 0;

    if (!dir)
        return mp_fail(err, MP_E_CONFIG, "%s: %s", m->dir, strerror(errno));
    m->files = mp_arena_array(m->arena, NUMBER_MOST, sizeof(*m->files));
    while (rc == 0 && (entry = readdir(dir)))
        rc = list_file(m, entry->d_name, err);
    closedir(dir);
    for (size_t i = 0; rc == 0 && i < m->files_count; i++)
        if (!m->files[i].name)
            rc = mp_fail(err, MP_E_CONFIG, "%s: there is no migration %zu, but one %zu", m->dir, i + 1, m->files_count);
    return rc;
}

static int read_file(struct migrator *m, struct mp_slice *text, struct mp_error *err)
{
    const char *path = mp_arena_printf(m->arena, "%s/%s", m->dir, m->file->name);
    char *bytes = mp_arena_alloc(m->arena, FILE_MOST_BYTES + 1);
    size_t len = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return mp_fail(err, MP_E_CONFIG, "%s: %s", path, strerror(errno));
    while (len <= FILE_MOST_BYTES && (got = read(fd, bytes + len, FILE_MOST_BYTES + 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    if (got < 0)
        return mp_fail(err, MP_E_CONFIG, "%s: cannot be read", path);
    if (len > FILE_MOST_BYTES)
        return mp_fail(err, MP_E_CONFIG, "%s: larger than %u bytes", path, FILE_MOST_BYTES);
    *text = (struct mp_slice){bytes, len};
    return 0;
}

static struct mp_slice trim_end(struct mp_slice s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.p[s.len - 1]))
        s.len--;
    return s;
}

/* Splits off the next statement, without its `;`. 1: there is one, 0: the end, -1: text without an end. */
static int next_statement(struct mp_slice *text, struct mp_buf *statement, struct mp_arena *arena)
{
    struct mp_slice line;

    mp_buf_init(statement, arena, FILE_MOST_BYTES);
    while (mp_slice_split(text, '\n', &line)) {
        line = trim_end(line);
        if (line.len == 0 || mp_slice_starts(mp_slice_trim(line), "--"))
            continue;
        if (line.p[line.len - 1] == ';') {
            line.len--;
            mp_buf_add_slice(statement, line);
            return 1;
        }
        mp_buf_add_slice(statement, line);
        mp_buf_add(statement, "\n");
    }
    return statement->len > 0 ? -1 : 0;
}

static int take(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct migrator *m = arg;
    struct mp_stmt *st = mp_db_begin(db, &lease_take);

    mp_bind_text(st, m->owner);
    mp_bind_i64(st, LEASE_MS);
    mp_bind_text(st, m->owner);
    if (mp_db_run(st, err) < 0)
        return -1;
    m->fence = mp_db_affected(st) == 1 ? mp_db_insert_id(st) : 0;
    return 0;
}

static int wait_for_lease(struct migrator *m, struct mp_error *err)
{
    int64_t give_up_at_ms = mp_monotonic_ms() + LEASE_WAIT_MS;

    for (;;) {
        int rc = mp_tx_run(m->db, take, m, err);

        if (rc < 0 && err->code != MP_E_UNCERTAIN)
            return -1;
        if (rc == 0 && m->fence != 0)
            return 0;
        if (mp_monotonic_ms() > give_up_at_ms)
            return mp_fail(err, MP_E_UNAVAILABLE, "Another host is migrating the database and has not finished yet.");
        mp_error_reset(err);
        mp_sleep_ms(LEASE_POLL_MS);
    }
}

static int renew(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct migrator *m = arg;
    struct mp_stmt *st = mp_db_begin(db, &lease_renew);

    mp_bind_i64(st, LEASE_MS);
    mp_bind_i64(st, m->fence);
    if (mp_db_run(st, err) < 0)
        return -1;
    if (mp_db_affected(st) != 1)
        return mp_fail(err, MP_E_UNAVAILABLE, "Another host has taken over migrating the database.");
    return 0;
}

static int renew_and_record(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct migrator *m = arg;
    struct mp_stmt *st;

    if (renew(db, arg, err) < 0)
        return -1;
    st = mp_db_begin(db, &version_add);
    mp_bind_i64(st, m->file->number);
    mp_bind_text(st, m->file->name);
    return mp_db_run(st, err);
}

/* The lease runs out by itself where this fails. */
static void end_lease(struct migrator *m)
{
    struct mp_stmt *st = mp_db_begin(m->db, &lease_end);
    struct mp_error err;

    mp_error_init(&err, m->arena);
    mp_bind_i64(st, m->fence);
    if (mp_db_run(st, &err) < 0)
        mp_db_close(m->db);
}

/* Migrations commit by themselves and are repeatable, so every failure that may pass is answered by another try. */
static int run_text(struct mp_db *db, const char *text, size_t len, struct mp_error *err)
{
    for (unsigned tries = 1;; tries++) {
        enum db_class class = db_open(db);

        if (class == DB_FINE)
            class = db_command(db, text, len);
        if (class == DB_FINE)
            return 0;
        db_settle(db, class);
        if (class == DB_CONFLICT || class == DB_BROKEN || class == DB_UNREACHABLE || tries == TRIES_MOST)
            return db_tell(db, text, err);
        db_back_off(tries);
    }
}

static int apply(struct migrator *m, struct mp_error *err)
{
    struct mp_slice text;
    struct mp_buf statement;
    int more;

    if (read_file(m, &text, err) < 0)
        return -1;
    while ((more = next_statement(&text, &statement, m->arena)) == 1) {
        if (mp_tx_run(m->db, renew, m, err) < 0 || run_text(m->db, mp_buf_text(&statement), statement.len, err) < 0)
            return -1;
    }
    if (more < 0)
        return mp_fail(err, MP_E_CONFIG, "%s/%s: the last statement does not end with ';'", m->dir, m->file->name);
    return mp_tx_run(m->db, renew_and_record, m, err);
}

static int apply_missing(struct migrator *m, unsigned *applied, struct mp_error *err)
{
    unsigned version;

    if (mp_schema_version(m->db, &version, err) < 0)
        return -1;
    for (size_t i = version; i < m->files_count; i++) {
        struct mp_arena_mark mark = mp_arena_mark(m->arena);

        m->file = &m->files[i];
        if (apply(m, err) < 0)
            return -1;
        mp_arena_rewind(m->arena, mark);
        (*applied)++;
        mp_log(m->db->log, MP_INFO, "db.migrated", MP_STR("file", m->file->name));
    }
    return 0;
}

static int migrate_under_lease(struct migrator *m, unsigned *applied, struct mp_error *err)
{
    int rc;

    for (size_t i = 0; i < MP_COUNT(own_tables); i++)
        if (run_text(m->db, own_tables[i], strlen(own_tables[i]), err) < 0)
            return -1;
    if (wait_for_lease(m, err) < 0)
        return -1;
    rc = apply_missing(m, applied, err);
    end_lease(m);
    return rc;
}

int mp_migrate(struct mp_db *db, const char *schema_dir, unsigned *applied, struct mp_error *err)
{
    struct migrator m = {.db = db, .arena = mp_arena_new(), .dir = schema_dir};
    unsigned usual_timeout_s = db->read_timeout_s, version = 0;
    int rc;

    *applied = 0;
    m.owner = mp_random_hex(m.arena, 16);
    rc = list_files(&m, err);
    if (rc == 0)
        rc = mp_schema_version(db, &version, err);
    /* A newer database is fine: the previous release runs on it. */
    if (rc == 0 && version < m.files_count) {
        mp_db_close(db);
        db->read_timeout_s = PATIENT_READ_TIMEOUT_S;
        rc = migrate_under_lease(&m, applied, err);
        mp_db_close(db);
        db->read_timeout_s = usual_timeout_s;
    }
    mp_arena_free(m.arena);
    return rc;
}

int mp_schema_version(struct mp_db *db, unsigned *version, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &version_read);

    *version = 0;
    if (mp_db_one(st, err) == 1) {
        *version = (unsigned)mp_col_i64(st, 0);
        mp_db_done(st);
        return 0;
    }
    if (db->failure.number != ER_NO_SUCH_TABLE)
        return -1;
    mp_error_reset(err);
    return 0;
}
