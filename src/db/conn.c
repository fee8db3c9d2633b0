#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "db_int.h"

#include <ma_pvio.h> /* wants what mysql.h brings */

/* Long enough for a busy machine, short enough that three dead hosts fit into one request. Connector/C applies it to the handshake as well. */
#define CONNECT_TIMEOUT_S 3
/* Longer than any lock wait, shorter than nginx's patience. Without it a server that hangs hangs us. */
#define READ_TIMEOUT_S  10
#define WRITE_TIMEOUT_S 10

#define DEFAULT_PORT 3306

const struct mp_setting mp_db_settings[] = {
    MP_SETTING("MEETPOOL_DB_HOST", MP_SET_TEXT, "127.0.0.1", 1, 1024, mp_db_conf, host),
    MP_SETTING("MEETPOOL_DB_PORT", MP_SET_INT, "3306", 1, 65535, mp_db_conf, port),
    MP_SETTING("MEETPOOL_DB_SOCKET", MP_SET_TEXT, NULL, 1, 107, mp_db_conf, socket),
    MP_SETTING("MEETPOOL_DB_USER", MP_SET_TEXT, "meetpool", 1, 128, mp_db_conf, user),
    MP_SETTING("MEETPOOL_DB_PASSWORD", MP_SET_SECRET, NULL, 1, 1024, mp_db_conf, password),
    MP_SETTING("MEETPOOL_DB_NAME", MP_SET_TEXT, "meetpool", 1, 64, mp_db_conf, name),
};
const size_t mp_db_settings_rows = MP_COUNT(mp_db_settings);

/* In these words since forever; the variable was renamed in MariaDB 11.1. */
#define SESSION_ISOLATION "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
/* lock_wait_timeout is for metadata locks: who waits behind an ALTER TABLE gets an answer before the read timeout cuts the connection. */
#define SESSION_SETUP                                                                                                                                \
    "SET SESSION time_zone='+00:00', innodb_lock_wait_timeout=3, lock_wait_timeout=5, autocommit=1, "                                                \
    "sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'"
/* Only servers built with Galera's interface have the variable; it does nothing on one that is no node of a cluster. */
#define SESSION_SETUP_WSREP SESSION_SETUP ", wsrep_sync_wait=1"

/*
 * Column 0: the server takes no writes. Column 1: 2 where a Galera provider is loaded (its name is not empty) and the node is not ready, otherwise
 * less; such a node may also answer 1047 or 1205. Servers without Galera say OFF and no name. (Beside an aggregate of the same SELECT MariaDB 10.11
 * gives read_only as 0.)
 */
static const struct mp_sql node_state = {
    "SELECT @@GLOBAL.read_only, (SELECT COUNT(*) FROM information_schema.GLOBAL_STATUS"
    " WHERE (VARIABLE_NAME = 'WSREP_PROVIDER_NAME' AND VARIABLE_VALUE <> '') OR (VARIABLE_NAME = 'WSREP_READY' AND VARIABLE_VALUE = 'OFF'))"};

/* "name", "name:port", "[v6]:port"; a name with several colons is a bare IPv6 address. */
static struct db_host host_parse(struct mp_arena *arena, struct mp_slice text, unsigned port)
{
    struct mp_slice rest = text, name;
    unsigned long long number;
    const char *close = text.len > 0 && text.p[0] == '[' ? memchr(text.p, ']', text.len) : NULL;

    if (close) {
        name = (struct mp_slice){text.p + 1, (size_t)(close - text.p) - 1};
        rest = (struct mp_slice){close + 1, text.len - (size_t)(close - text.p) - 1};
        if (rest.len > 0 && rest.p[0] == ':')
            rest = (struct mp_slice){rest.p + 1, rest.len - 1};
    } else {
        mp_slice_split(&rest, ':', &name);
        if (rest.len > 0 && memchr(rest.p, ':', rest.len)) {
            name = text;
            rest.len = 0;
        }
    }
    if (mp_slice_to_u64(rest, 65535, &number) && number > 0)
        port = (unsigned)number;
    return (struct db_host){mp_arena_strndup(arena, name), port};
}

static void hosts_parse(struct mp_db *db)
{
    unsigned port = db->conf.port > 0 && db->conf.port <= 65535 ? (unsigned)db->conf.port : DEFAULT_PORT;
    struct mp_slice list = mp_slice_of(db->conf.host), text;
    size_t commas = 0;

    for (size_t i = 0; i < list.len; i++)
        commas += list.p[i] == ',';
    db->hosts = mp_arena_array(db->arena, commas + 1, sizeof(*db->hosts));
    while (!db->conf.socket && mp_slice_split(&list, ',', &text)) {
        text = mp_slice_trim(text);
        if (text.len > 0)
            db->hosts[db->hosts_count++] = host_parse(db->arena, text, port);
    }
    if (db->hosts_count == 0)
        db->hosts[db->hosts_count++] = (struct db_host){"127.0.0.1", port};
}

struct mp_db *mp_db_new(const struct mp_db_conf *conf, const struct mp_log *log)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_db *db = MP_NEW(arena, struct mp_db);

    db->arena = arena;
    db->log = log;
    db->read_timeout_s = READ_TIMEOUT_S;
    db->conf.host = mp_arena_strdup(arena, conf->host);
    db->conf.port = conf->port;
    db->conf.socket = mp_arena_strdup(arena, conf->socket);
    db->conf.user = mp_arena_strdup(arena, conf->user);
    db->conf.name = mp_arena_strdup(arena, conf->name);
    if (mp_secret_is_set(&conf->password))
        db->conf.password = mp_secret_copy(arena, mp_secret_expose(&conf->password));
    hosts_parse(db);
    return db;
}

void mp_db_free(struct mp_db *db)
{
    if (!db)
        return;
    db_drop(db);
    mp_arena_free(db->arena);
}

void mp_db_close(struct mp_db *db)
{
    db_drop(db);
}

/* MYSQL_OPT_READ_TIMEOUT is looked at when a connection is opened; one that is open is told at its socket's side. */
static void apply_hurry(struct mp_db *db)
{
    int wait_ms = (int)(db->hurry_ms > 0 ? db->hurry_ms : db->read_timeout_s * 1000);

    if (db->my && db->my->net.pvio)
        db->my->net.pvio->timeout[PVIO_READ_TIMEOUT] = wait_ms;
}

void mp_db_hurry(struct mp_db *db, unsigned wait_ms)
{
    db->hurry_ms = wait_ms;
    apply_hurry(db);
}

void db_drop(struct mp_db *db)
{
    if (!db->my)
        return;
    /* The connection goes first: closing a statement would otherwise send a packet for each. */
    mysql_close(db->my);
    db->my = NULL;
    db_stmts_forget(db);
}

void db_drop_host(struct mp_db *db)
{
    db_drop(db);
    db->host = (db->host + 1) % db->hosts_count;
}

bool db_peer_gone(const struct mp_db *db)
{
    struct pollfd peer = {.fd = (int)mysql_get_socket(db->my), .events = POLLIN | POLLRDHUP};

    /* Nothing is due between two statements: whatever can be read is an end or a farewell. */
    return poll(&peer, 1, 0) > 0;
}

static enum db_class class_of(unsigned number)
{
    switch (number) {
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_CHECKREAD:
        return DB_AGAIN;
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
        return DB_CONFLICT;
    case ER_UNKNOWN_COM_ERROR: /* 1047: how a Galera node outside the primary component refuses */
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_READ_ONLY_MODE:
        return DB_NOT_READY;
    case CR_SERVER_GONE_ERROR:
        return DB_NOT_SENT;
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case CR_MALFORMED_PACKET:
    case CR_COMMANDS_OUT_OF_SYNC: /* a mistake of ours, but the connection is of no more use */
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_SHUTDOWN_COMPLETE:
    case ER_CONNECTION_KILLED:
    case ER_ERROR_DURING_COMMIT: /* Galera: the node lost its cluster while the write was on its way */
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
        return DB_LOST;
    default:
        return DB_BROKEN;
    }
}

static void copy_text(char *out, size_t room, const char *text)
{
    size_t len = strnlen(text, room - 1);

    memcpy(out, text, len);
    out[len] = '\0';
}

enum db_class db_note(struct mp_db *db, unsigned number, const char *state, const char *text)
{
    db->failure.class = class_of(number);
    db->failure.number = number;
    copy_text(db->failure.state, sizeof(db->failure.state), state);
    copy_text(db->failure.text, sizeof(db->failure.text), text);
    return db->failure.class;
}

enum db_class db_note_connection(struct mp_db *db)
{
    return db_note(db, mysql_errno(db->my), mysql_sqlstate(db->my), mysql_error(db->my));
}

void db_settle(struct mp_db *db, enum db_class class)
{
    if (class == DB_LOST || class == DB_NOT_SENT)
        db_drop(db);
    else if (class == DB_NOT_READY)
        db_drop_host(db);
    if (db->held && class != DB_FINE && class != DB_CONFLICT && class != DB_BROKEN)
        db->spoiled = class;
}

int db_tell(const struct mp_db *db, const char *sql, struct mp_error *err)
{
    const struct db_failure *failure = &db->failure;
    enum mp_error_code code = MP_E_UNAVAILABLE;

    if (failure->class == DB_CONFLICT)
        code = MP_E_CONFLICT;
    else if (failure->class == DB_BROKEN)
        code = MP_E_INTERNAL;
    mp_fail_log(err, code, "%u %s %s: %s", failure->number, failure->state, failure->text, sql);
    if (code == MP_E_UNAVAILABLE)
        err->retry_after_s = failure->class == DB_AGAIN ? 1 : 2;
    return -1;
}

static MYSQL *prepare_connection(const struct mp_db *db, const char *setup)
{
    MYSQL *my = mysql_init(NULL);
    unsigned connect_s = db->hurry_ms > 0 ? (db->hurry_ms + 999) / 1000 : CONNECT_TIMEOUT_S, write_s = WRITE_TIMEOUT_S, no = 0;
    enum mysql_protocol_type protocol = db->conf.socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    my_bool truncation_is_told = 0;

    if (!my)
        abort();
    mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &db->read_timeout_s);
    mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &write_s);
    mysql_options(my, MYSQL_OPT_PROTOCOL, &protocol); /* otherwise "localhost" means a socket at a compiled-in place */
    mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &no);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(my, MYSQL_INIT_COMMAND, SESSION_ISOLATION);
    mysql_options(my, MYSQL_INIT_COMMAND, setup);
    mysql_options(my, MYSQL_REPORT_DATA_TRUNCATION, &truncation_is_told); /* texts are fetched by length, see stmt.c */
    return my;
}

/* One host; 0, or the error's number. */
static unsigned connect_host(struct mp_db *db, const struct db_host *host, const char *setup)
{
    unsigned number;

    db->my = prepare_connection(db, setup);
    if (mysql_real_connect(db->my, db->conf.socket ? NULL : host->name, db->conf.user, mp_secret_expose(&db->conf.password).p, db->conf.name,
                           host->port, db->conf.socket, 0)) {
        apply_hurry(db);
        return 0;
    }
    number = mysql_errno(db->my);
    db_note_connection(db);
    db_drop(db);
    return number;
}

/* Asks the node itself; the connection was opened by us, so the statement is run without any repeating. */
static enum db_class ask_node_state(struct mp_db *db)
{
    struct mp_stmt *st = mp_db_begin(db, &node_state);
    enum db_class class = db_stmt_attempt(st);
    struct mp_arena *arena = mp_arena_new();
    struct mp_error err;

    mp_error_init(&err, arena);
    if (class == DB_FINE && (mp_db_next(st, &err) != 1 || mp_col_i64(st, 0) != 0 || mp_col_i64(st, 1) == 2))
        class = db_note(db, ER_UNKNOWN_COM_ERROR, "08S01", "the node is read-only or not ready");
    mp_db_done(st);
    mp_arena_free(arena);
    return class;
}

static bool open_host(struct mp_db *db, const struct db_host *host)
{
    unsigned number = connect_host(db, host, SESSION_SETUP_WSREP);
    bool fine;

    if (number == ER_UNKNOWN_SYSTEM_VARIABLE)
        number = connect_host(db, host, SESSION_SETUP);
    fine = number == 0 && ask_node_state(db) == DB_FINE;
    if (!fine)
        db_drop(db);
    /* Where there is but one, its failure is the caller's error and told by that. */
    if (!fine && db->hosts_count > 1)
        mp_log(db->log, MP_WARNING, "db.host_failed", MP_STR("host", host->name), MP_INT("port", host->port), MP_STR("reason", db->failure.text));
    return fine;
}

enum db_class db_open(struct mp_db *db)
{
    if (db->my)
        return DB_FINE;
    if (db->held)
        return db->failure.class = DB_LOST;
    for (size_t i = 0; i < db->hosts_count; i++) {
        size_t host = (db->host + i) % db->hosts_count;

        if (open_host(db, &db->hosts[host])) {
            db->host = host;
            return DB_FINE;
        }
    }
    return db->failure.class = DB_UNREACHABLE;
}

int mp_db_ping(struct mp_db *db, struct mp_error *err)
{
    enum db_class class = DB_NOT_SENT;

    /* A connection just opened has answered already; one that fails gets a second chance on a new one. */
    if (db->my)
        class = ask_node_state(db);
    if (class != DB_FINE) {
        db_settle(db, class);
        db_drop(db);
        class = db_open(db);
    }
    return class == DB_FINE ? 0 : db_tell(db, "ping", err);
}
