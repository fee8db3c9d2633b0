#include "connection_int.h"

struct running {
    const struct connection_change *change;
    int changed;
};

static int run(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct running *running = arg;
    const struct connection_change *c = running->change;

    running->changed = c->change(db, c->arg, err);
    if (running->changed <= 0)
        return running->changed;
    if (c->action != NULL && connection_audit_in(c->ctx, c->actor, c->action, c->sub, c->ok, c->detail, err) < 0)
        return -1;
    return c->alert != NULL ? mp_store_alert_raise(db, c->alert_kind, c->sub, c->alert, err) : 0;
}

int connection_change(const struct connection_change *change, struct mp_error *err)
{
    struct running running = {change, 0};

    return mp_tx_run(change->ctx->db, run, &running, err) < 0 ? -1 : running.changed;
}
