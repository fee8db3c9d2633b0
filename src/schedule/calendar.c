/* Bookings as iCalendar (RFC 5545), and as invitations (RFC 5546). */
#include "calendar_int.h"

#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define PRODUCT "-//meetpool//meetpool//EN"

static const char *const method_names[] = {[CALENDAR_PUBLISH] = "PUBLISH", [CALENDAR_REQUEST] = "REQUEST", [CALENDAR_CANCEL] = "CANCEL"};

static void put_utc(struct ics *ics, const char *name, int64_t at)
{
    struct mp_civil c;

    if (mp_zone_local("UTC", at, &c))
        ics_line(ics, "%s:%04d%02d%02dT%02d%02d%02dZ", name, c.year, c.month, c.day, c.hour, c.minute, c.second);
}

/* The zone a booking's times are written in; NULL: in UTC. */
static const char *zone_of(const struct mp_booking *booking)
{
    const char *zone = booking->row.timezone;

    return zone && strcmp(zone, "UTC") != 0 && mp_zone_known(zone) ? zone : NULL;
}

/* In local time where that names the instant: of two with the same local time it is the first. */
static void put_time(struct ics *ics, const char *name, const char *zone, int64_t at)
{
    struct mp_civil c;
    int64_t again = -1;

    if (zone && mp_zone_local(zone, at, &c) && mp_zone_instant(zone, &c, &again, NULL, NULL) == MP_TIME_OK && again == at)
        ics_line(ics, "%s;TZID=%s:%04d%02d%02dT%02d%02d%02d", name, zone, c.year, c.month, c.day, c.hour, c.minute, c.second);
    else
        put_utc(ics, name, at);
}

/* A sub that is an e-mail address of the plain kind, which may stand in a mailto: URI as it is. */
static bool is_email(const char *sub)
{
    const char *at = sub ? strchr(sub, '@') : NULL;

    if (!at || at == sub || !at[1] || strchr(at + 1, '@'))
        return false;
    return sub[strspn(sub, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!$*+-=^_~@")] == '\0';
}

static bool is_before(const struct mp_booking *booking, size_t which)
{
    for (size_t i = 0; i < which; i++) {
        if (strcmp(booking->people[i].sub, booking->people[which].sub) == 0)
            return true;
    }
    return false;
}

/* A person's address: where the sub is no e-mail address, a UUID of ours (RFC 9562 version 8), the same wherever that person stands. */
static const char *address(struct ics *ics, const char *host_name, const char *sub)
{
    const char *h;

    if (is_email(sub))
        return mp_arena_printf(ics->arena, "mailto:%s", sub);
    h = mp_sha256_hex(ics->arena, mp_slice_of(mp_arena_printf(ics->arena, "person|%s|%s", host_name, sub)));
    return mp_arena_printf(ics->arena, "urn:uuid:%.8s-%.4s-8%.3s-8%.3s-%.12s", h, h + 8, h + 12, h + 15, h + 18);
}

static void put_attendee(struct ics *ics, const struct calendar *calendar, const char *sub)
{
    ics_line(ics, "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:%s", address(ics, calendar->host_name, sub));
}

/* An organizer must stand in each, an attendee in a request, and none in what is published (RFC 5546 sections 3.2.1, 3.2.2 and 3.2.5). */
static void put_people(struct ics *ics, const struct mp_booking *booking, const struct calendar *calendar)
{
    const char *owner = booking->row.owner_sub ? booking->row.owner_sub : "";
    bool any = false;

    ics_line(ics, "ORGANIZER:%s", address(ics, calendar->host_name, owner));
    if (calendar->method == CALENDAR_PUBLISH)
        return;
    for (size_t i = 0; i < booking->people_count; i++) {
        const char *sub = booking->people[i].sub;

        if (is_before(booking, i) || strcmp(sub, owner) == 0)
            continue;
        put_attendee(ics, calendar, sub);
        any = true;
    }
    if (!any)
        put_attendee(ics, calendar, owner);
}

static bool is_cancelled(const struct mp_booking *booking)
{
    return booking->row.status == MP_BOOKING_DELETED;
}

/* The meeting that may be joined; NULL: none. */
static const struct mp_meeting_row *joinable(const struct mp_booking *booking)
{
    const struct mp_meeting *meeting = booking->meeting;
    bool there = meeting && (meeting->row.status == MP_MEETING_SCHEDULED || meeting->row.status == MP_MEETING_STARTED);

    if (!there || is_cancelled(booking) || !meeting->row.join_url || strncmp(meeting->row.join_url, "http", 4) != 0)
        return NULL;
    return &meeting->row;
}

static void put_description(struct ics *ics, const struct mp_booking *booking, const struct mp_meeting_row *meeting)
{
    const char *own = booking->row.description ? booking->row.description : "";
    bool passcode = meeting && meeting->password && *meeting->password;
    struct mp_buf text;

    mp_buf_init(&text, ics->arena, SIZE_MAX);
    mp_buf_add(&text, own);
    if (meeting)
        mp_buf_addf(&text, "%sJoin: %s", *own ? "\n\n" : "", meeting->join_url);
    if (passcode)
        mp_buf_addf(&text, "\nPasscode: %s", meeting->password);
    ics_text(ics, "DESCRIPTION", mp_buf_text(&text));
}

static void put_event(struct ics *ics, const struct calendar *calendar, const struct mp_booking *booking)
{
    const struct mp_booking_row *row = &booking->row;
    const struct mp_meeting_row *meeting = joinable(booking);

    ics_line(ics, "BEGIN:VEVENT");
    ics_text(ics, "UID", mp_arena_printf(ics->arena, "%s@%s", row->public_id, calendar->host_name));
    put_utc(ics, "DTSTAMP", calendar->now_ms);
    put_utc(ics, "CREATED", row->created_at);
    put_utc(ics, "LAST-MODIFIED", row->updated_at);
    ics_line(ics, "SEQUENCE:%lld", (long long)row->sequence);
    put_time(ics, "DTSTART", zone_of(booking), row->starts_at);
    put_time(ics, "DTEND", zone_of(booking), row->ends_at);
    ics_text(ics, "SUMMARY", row->title);
    put_description(ics, booking, meeting);
    if (meeting) {
        ics_text(ics, "LOCATION", meeting->join_url);
        ics_line(ics, "URL:%s", meeting->join_url);
    }
    ics_line(ics, "STATUS:%s", is_cancelled(booking) ? "CANCELLED" : "CONFIRMED");
    put_people(ics, booking, calendar);
    ics_line(ics, "END:VEVENT");
}

static bool zone_is(const struct mp_booking *booking, const char *zone)
{
    const char *own = zone_of(booking);

    return own && strcmp(own, zone) == 0;
}

/* One VTIMEZONE for each zone, in the order of the bookings. */
static void put_zones(struct ics *ics, const struct calendar *calendar)
{
    const struct mp_booking **in_zone = mp_arena_array(ics->arena, calendar->count, sizeof(*in_zone));
    bool *done = mp_arena_array(ics->arena, calendar->count, sizeof(*done));

    for (size_t i = 0; i < calendar->count; i++) {
        const char *zone = zone_of(&calendar->bookings[i]);
        size_t count = 0;

        for (size_t j = i; zone && !done[i] && j < calendar->count; j++) {
            if (j > i && !zone_is(&calendar->bookings[j], zone))
                continue;
            in_zone[count++] = &calendar->bookings[j];
        }
        for (size_t j = 0; j < count; j++)
            done[in_zone[j] - calendar->bookings] = true;
        if (count > 0)
            calendar_zone(ics, zone, in_zone, count);
    }
}

char *calendar_text(struct mp_arena *arena, const struct calendar *calendar)
{
    struct mp_buf out;
    struct ics ics = {arena, &out, 0};

    mp_buf_init(&out, arena, SIZE_MAX);
    ics_line(&ics, "BEGIN:VCALENDAR");
    ics_line(&ics, "VERSION:2.0");
    ics_line(&ics, "PRODID:" PRODUCT);
    ics_line(&ics, "CALSCALE:GREGORIAN");
    ics_line(&ics, "METHOD:%s", method_names[calendar->method]);
    ics_text(&ics, "NAME", calendar->name);
    ics_text(&ics, "X-WR-CALNAME", calendar->name);
    if (calendar->method == CALENDAR_PUBLISH)
        ics_line(&ics, "REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    put_zones(&ics, calendar);
    for (size_t i = 0; i < calendar->count; i++)
        put_event(&ics, calendar, &calendar->bookings[i]);
    ics_line(&ics, "END:VCALENDAR");
    return out.p;
}

char *mp_calendar_invitation(struct mp_ctx *ctx, const struct mp_booking *booking, const char *host_name)
{
    struct calendar calendar = {.method = is_cancelled(booking) ? CALENDAR_CANCEL : CALENDAR_REQUEST,
                                .host_name = host_name,
                                .bookings = booking,
                                .count = 1,
                                .now_ms = mp_now_ms()};

    return calendar_text(ctx->arena, &calendar);
}

char *mp_calendar_feed(struct mp_ctx *ctx, const char *name, const struct mp_booking *bookings, size_t count, const char *host_name)
{
    struct calendar calendar = {
        .method = CALENDAR_PUBLISH, .name = name, .host_name = host_name, .bookings = bookings, .count = count, .now_ms = mp_now_ms()};

    return calendar_text(ctx->arena, &calendar);
}
