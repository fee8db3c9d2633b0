#include "../base/unit.h"

#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/schedule/calendar_int.h"
#include "meetpool/clock.h"

#define HOUR_MS INT64_C(3600000)
#define JOIN    "https://us02web.zoom.us/j/81234567890?pwd=a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuV.1&omn=93784"

static int64_t instant(const char *text, const char *zone)
{
    int64_t at = -1;

    assert_int_equal(mp_time_parse(mp_slice_of(text), zone, &at, NULL, NULL), MP_TIME_OK);
    return at;
}

static struct mp_booking booking_at(const char *start, const char *zone)
{
    struct mp_booking booking = {.row = {.public_id = "65a4fb00c0ffee0123456789",
                                         .owner_sub = "teacher-7",
                                         .title = "Algebra",
                                         .timezone = zone,
                                         .starts_at = instant(start, zone),
                                         .created_at = INT64_C(1767225600000),
                                         .updated_at = INT64_C(1767225661000),
                                         .deleted_at = -1,
                                         .sequence = 3}};

    booking.row.ends_at = booking.row.starts_at + HOUR_MS;
    return booking;
}

static struct mp_meeting meeting(void)
{
    return (struct mp_meeting){.row = {.status = MP_MEETING_SCHEDULED, .join_url = JOIN, .password = "4;2\\", .host_email = "host@example.test"}};
}

static char *text_of(struct mp_arena *arena, enum calendar_method method, const struct mp_booking *bookings, size_t count)
{
    struct calendar calendar = {
        .method = method, .host_name = "meet.example.test", .bookings = bookings, .count = count, .now_ms = INT64_C(1767229200000)};

    return calendar_text(arena, &calendar);
}

static char *unfolded(struct mp_arena *arena, const char *text)
{
    char *out = mp_arena_strdup(arena, text), *to = out;

    for (const char *p = out; *p;) {
        if (strncmp(p, "\r\n ", 3) == 0)
            p += 3;
        else
            *to++ = *p++;
    }
    *to = '\0';
    return out;
}

static void assert_has(struct mp_arena *arena, const char *text, const char *line)
{
    if (!strstr(unfolded(arena, text), mp_arena_printf(arena, "\r\n%s\r\n", line)))
        fail_msg("no line %s in\n%s", line, text);
}

static void assert_has_not(struct mp_arena *arena, const char *text, const char *what)
{
    if (strstr(unfolded(arena, text), what))
        fail_msg("%s in\n%s", what, text);
}

static void an_invitation_says_it_all(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_meeting zoom = meeting();
    struct mp_booking booking = booking_at("2026-03-27T10:00", "Europe/Berlin");
    const char *text;

    booking.meeting = &zoom;
    booking.row.description = "First part";
    text = text_of(arena, CALENDAR_REQUEST, &booking, 1);
    assert_int_equal(strncmp(text, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", 30), 0);
    assert_has(arena, text, "METHOD:REQUEST");
    assert_has(arena, text, "UID:65a4fb00c0ffee0123456789@meet.example.test");
    assert_has(arena, text, "DTSTAMP:20260101T010000Z");
    assert_has(arena, text, "CREATED:20260101T000000Z");
    assert_has(arena, text, "LAST-MODIFIED:20260101T000101Z");
    assert_has(arena, text, "SEQUENCE:3");
    assert_has(arena, text, "DTSTART;TZID=Europe/Berlin:20260327T100000");
    assert_has(arena, text, "DTEND;TZID=Europe/Berlin:20260327T110000");
    assert_has(arena, text, "SUMMARY:Algebra");
    assert_has(arena, text, "DESCRIPTION:First part\\n\\nJoin: " JOIN "\\nPasscode: 4\\;2\\\\");
    assert_has(arena, text, "URL:" JOIN);
    assert_has(arena, text, "LOCATION:" JOIN);
    assert_has(arena, text, "STATUS:CONFIRMED");
    assert_has_not(arena, text, "mailto:");
}

static void a_cancelled_one_has_no_way_in(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_meeting zoom = meeting();
    struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");
    const char *text;

    booking.meeting = &zoom;
    booking.row.status = MP_BOOKING_DELETED;
    text = text_of(arena, CALENDAR_CANCEL, &booking, 1);
    assert_has(arena, text, "METHOD:CANCEL");
    assert_has(arena, text, "STATUS:CANCELLED");
    assert_has(arena, text, "DTSTART:20260327T100000Z");
    assert_has_not(arena, text, "zoom.us");
    assert_has_not(arena, text, "VTIMEZONE");
}

static void a_meeting_that_is_gone_is_not_shown(void **state)
{
    struct mp_meeting zoom = meeting();
    struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");

    booking.meeting = &zoom;
    zoom.row.status = MP_MEETING_DELETED;
    assert_has_not(*state, text_of(*state, CALENDAR_REQUEST, &booking, 1), "zoom.us");
    zoom.row.status = MP_MEETING_SCHEDULED;
    zoom.row.join_url = "javascript:alert(1)";
    assert_has_not(*state, text_of(*state, CALENDAR_REQUEST, &booking, 1), "javascript");
}

static void people_are_named_by_plain_email_only(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_booking_person people[] = {
        {"owner@example.test", MP_PART_OWNER},         {"h@example.test", MP_PART_HOST},     {"student-1", MP_PART_MEMBER},
        {"a;b:c@example.test", MP_PART_MEMBER},        {"x@y@example.test", MP_PART_MEMBER}, {"h@example.test", MP_PART_MEMBER},
        {"z@example.test\r\nX-BAD:1", MP_PART_MEMBER}, {"m+1@example.test", MP_PART_MEMBER}};
    struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");
    const char *text, *first;

    booking.row.owner_sub = "owner@example.test";
    booking.people = people;
    booking.people_count = MP_COUNT(people);
    text = unfolded(arena, text_of(arena, CALENDAR_REQUEST, &booking, 1));
    assert_has(arena, text, "ORGANIZER:mailto:owner@example.test");
    first = strstr(text, "mailto:h@example.test\r\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "mailto:h@example.test"));
    assert_non_null(strstr(text, "mailto:m+1@example.test\r\n"));
    assert_has_not(arena, text, "a;b");
    assert_has_not(arena, text, "x@y");
    assert_has_not(arena, text, "X-BAD");
    assert_has_not(arena, text, "student-1");
    assert_non_null(strstr(text, "\r\nATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:urn:uuid:"));
    assert_has_not(arena, text_of(arena, CALENDAR_PUBLISH, &booking, 1), "ATTENDEE");
}

/* RFC 5546 wants an organizer in each, and an attendee in a request. */
static void a_request_has_an_organizer_and_an_attendee(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_booking_person people[] = {{"teacher 1", MP_PART_OWNER}, {"teacher 1", MP_PART_HOST}};
    struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");
    const char *text, *organizer;

    booking.row.owner_sub = "teacher 1";
    booking.people = people;
    booking.people_count = MP_COUNT(people);
    text = unfolded(arena, text_of(arena, CALENDAR_REQUEST, &booking, 1));
    organizer = strstr(text, "ORGANIZER:urn:uuid:");
    assert_non_null(organizer);
    assert_int_equal(strcspn(organizer + strlen("ORGANIZER:urn:uuid:"), "\r"), 36);
    assert_non_null(strstr(text, "\r\nATTENDEE;"));
    assert_has_not(arena, text, "teacher");
    assert_non_null(strstr(text_of(arena, CALENDAR_PUBLISH, &booking, 1), "\r\nORGANIZER:urn:uuid:"));
}

static void assert_folded(const char *text)
{
    for (const char *line = text; *line;) {
        const char *end = strstr(line, "\r\n");

        assert_non_null(end);
        assert_true(end - line <= 75);
        assert_null(memchr(line, '\r', (size_t)(end - line)));
        assert_null(memchr(line, '\n', (size_t)(end - line)));
        line = end + 2;
        if (*line == ' ')
            assert_int_not_equal((unsigned char)line[1] & 0xc0, 0x80); /* not inside a character */
    }
}

static void lines_are_folded_between_characters(void **state)
{
    static const char *const pieces[] = {"\xf0\x9f\x8e\x93", "\xe2\x82\xac", "\xc3\xa9", "a", ";", "\n", "\xc3\xa9,"};
    struct mp_arena *arena = *state;

    for (size_t piece = 0; piece < MP_COUNT(pieces); piece++) {
        for (size_t shift = 0; shift < 8; shift++) {
            struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");
            char *title = mp_arena_printf(arena, "%.*s", (int)shift, "12345678");
            icalcomponent *parsed;

            for (int i = 0; i < 60; i++)
                title = mp_arena_printf(arena, "%s%s", title, pieces[piece]);
            booking.row.title = title;
            assert_folded(text_of(arena, CALENDAR_REQUEST, &booking, 1));
            parsed = icalparser_parse_string(text_of(arena, CALENDAR_REQUEST, &booking, 1));
            assert_non_null(parsed);
            assert_string_equal(icalcomponent_get_summary(parsed), title);
            icalcomponent_free(parsed);
        }
    }
}

static void nothing_breaks_out_of_its_line(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_booking booking = booking_at("2026-03-27T10:00", "UTC");
    const char *text;

    booking.row.title = "a\r\nEND:VEVENT\rb\nc\x01\x7f\xc2\x85,d;e\\f\tg\xc3\xa4";
    text = text_of(arena, CALENDAR_REQUEST, &booking, 1);
    assert_has(arena, text, "SUMMARY:a\\nEND:VEVENT\\nb\\nc\\,d\\;e\\\\f\tg\xc3\xa4");
    assert_folded(text);
}

static void the_second_of_two_equal_times_is_written_in_utc(void **state)
{
    struct mp_booking booking = booking_at("2026-10-25T01:30:00Z", "Europe/Berlin");
    const char *text;

    booking.row.starts_at -= HOUR_MS;
    booking.row.ends_at -= HOUR_MS;
    text = text_of(*state, CALENDAR_REQUEST, &booking, 1);
    assert_has(*state, text, "DTSTART;TZID=Europe/Berlin:20261025T023000");
    assert_has(*state, text, "DTEND:20261025T013000Z");
}

/* Zones and starts that are hard: shifts around the event, half an hour, over the date line, in a far year, none at all. */
static const struct {
    const char *start, *zone;
} hard[] = {
    {"2026-03-28T10:00", "Europe/Berlin"},       {"2026-03-29T10:00", "Europe/Berlin"},
    {"2026-10-24T10:00", "Europe/Berlin"},       {"2026-10-25T10:00", "Europe/Berlin"},
    {"2026-03-08T01:30", "America/New_York"},    {"2026-11-01T12:00", "America/New_York"},
    {"2026-07-01T09:00", "Asia/Kolkata"},        {"2026-04-05T10:00", "Australia/Lord_Howe"},
    {"2026-10-04T02:45", "Australia/Lord_Howe"}, {"2040-01-15T10:00", "Australia/Lord_Howe"},
    {"2011-12-29T10:00", "Pacific/Apia"},        {"2011-12-31T10:00", "Pacific/Apia"},
    {"2022-03-23T10:00", "Asia/Tehran"},         {"2014-02-20T10:00", "America/Sao_Paulo"},
    {"2026-06-15T10:00", "Africa/Casablanca"},   {"2026-02-25T10:00", "Africa/Casablanca"},
    {"2026-07-15T10:00", "Europe/Dublin"},       {"2026-01-15T10:00", "America/St_Johns"},
    {"2026-01-15T10:00", "Asia/Kathmandu"},      {"2030-06-01T10:00", "Europe/Berlin"},
    {"1971-06-01T10:00", "Africa/Monrovia"}, /* 44 minutes and 30 seconds behind UTC */
};

static struct mp_booking *hard_bookings(struct mp_arena *arena)
{
    struct mp_booking *bookings = mp_arena_array(arena, MP_COUNT(hard), sizeof(*bookings));

    for (size_t i = 0; i < MP_COUNT(hard); i++) {
        bookings[i] = booking_at(hard[i].start, hard[i].zone);
        bookings[i].row.public_id = mp_arena_printf(arena, "%024zx", i);
    }
    return bookings;
}

/* The instant of an event's property, by the VTIMEZONE that comes with it. */
static int64_t ical_instant(icalcomponent *calendar, icalcomponent *event, icalproperty_kind kind)
{
    icalproperty *property = icalcomponent_get_first_property(event, kind);
    icalparameter *tzid = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    icaltimezone *zone = tzid ? icalcomponent_get_timezone(calendar, icalparameter_get_tzid(tzid)) : icaltimezone_get_utc_timezone();

    assert_non_null(zone);
    return (int64_t)icaltime_as_timet_with_zone(icalvalue_get_datetime(icalproperty_get_value(property)), zone) * 1000;
}

static void libical_reads_the_same_instants(void **state)
{
    struct mp_booking *bookings = hard_bookings(*state);
    icalcomponent *calendar = icalparser_parse_string(text_of(*state, CALENDAR_PUBLISH, bookings, MP_COUNT(hard)));
    icalcomponent *event;
    size_t count = 0;

    assert_non_null(calendar);
    assert_int_equal(icalcomponent_count_errors(calendar), 0);
    for (event = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT); event;
         event = icalcomponent_get_next_component(calendar, ICAL_VEVENT_COMPONENT)) {
        if (ical_instant(calendar, event, ICAL_DTSTART_PROPERTY) != bookings[count].row.starts_at)
            fail_msg("%s %s", hard[count].zone, hard[count].start);
        assert_int_equal(ical_instant(calendar, event, ICAL_DTEND_PROPERTY), bookings[count].row.ends_at);
        count++;
    }
    assert_int_equal(count, MP_COUNT(hard));
    icalcomponent_free(calendar);
}

static void a_shift_stands_with_its_own_date(void **state)
{
    struct mp_booking booking = booking_at("2026-03-28T10:00", "Europe/Berlin");
    const char *text = text_of(*state, CALENDAR_REQUEST, &booking, 1);

    assert_has(*state, text, "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT");
    assert_has(*state, text, "BEGIN:STANDARD\r\nDTSTART:20251026T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD");
}

/* Centuries between two bookings, the later one first: what lies between them is not written out. */
static void bookings_far_apart_make_no_long_zone(void **state)
{
    struct mp_booking bookings[] = {booking_at("2500-07-01T10:00", "Europe/Berlin"), booking_at("2026-07-01T10:00", "Europe/Berlin")};
    const char *text = text_of(*state, CALENDAR_PUBLISH, bookings, MP_COUNT(bookings));

    assert_true(strlen(text) < 4096);
    assert_has(*state, text, "DTSTART:20260329T020000");
    assert_has(*state, text, "DTSTART:25000328T020000");
}

static void each_zone_is_written_once(void **state)
{
    struct mp_booking bookings[] = {booking_at("2026-03-28T10:00", "Europe/Berlin"), booking_at("2026-03-28T10:00", "UTC"),
                                    booking_at("2026-03-29T10:00", "Europe/Berlin"), booking_at("2026-03-29T10:00", "Asia/Kolkata")};
    const char *text = text_of(*state, CALENDAR_PUBLISH, bookings, MP_COUNT(bookings));
    unsigned zones = 0;

    for (const char *p = text; (p = strstr(p, "BEGIN:VTIMEZONE")) != NULL; p++)
        zones++;
    assert_int_equal(zones, 2);
    text = text_of(*state, CALENDAR_PUBLISH, NULL, 0);
    assert_null(strstr(text, "VTIMEZONE"));
    assert_non_null(strstr(text, "END:VCALENDAR\r\n"));
}

static int wait_for(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs check_ics.py over `text`; what it should say goes to its standard input. */
static int run_check(struct mp_arena *arena, const char *text, const char *expected)
{
    const char *top = getenv("top_srcdir"), *folder = getenv("TMPDIR");
    char *path = mp_arena_printf(arena, "%s/meetpool-ics-XXXXXX", folder ? folder : "/tmp");
    char *script = mp_arena_printf(arena, "%s/tests/unit/schedule/check_ics.py", top ? top : ".");
    int fd = mkstemp(path), ends[2], rc;
    pid_t child;

    assert_true(fd >= 0 && pipe(ends) == 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    child = fork();
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/usr/bin/python3", "python3", script, path, (char *)NULL);
        _exit(77);
    }
    close(ends[0]);
    assert_int_equal(write(ends[1], expected, strlen(expected)), (ssize_t)strlen(expected));
    close(ends[1]);
    rc = wait_for(child);
    unlink(path);
    return rc;
}

static void icalendar_reads_the_same_instants(void **state)
{
    struct mp_arena *arena = *state;
    struct mp_booking *bookings = hard_bookings(arena);
    struct mp_meeting zoom = meeting();
    size_t count = MP_COUNT(hard) - 1; /* pytz, which it reads zones with, knows no seconds in an offset: not the last one */
    struct mp_buf expected;
    int rc;

    mp_buf_init(&expected, arena, 65536);
    for (size_t i = 0; i < count; i++) {
        bookings[i].meeting = &zoom;
        bookings[i].row.title = "Gr\xc3\xb6\xc3\x9f"
                                "e; a, b \\ c";
        mp_buf_addf(&expected, "%s@meet.example.test\t%lld\t%lld\tCONFIRMED\t%s\n", bookings[i].row.public_id,
                    (long long)bookings[i].row.starts_at / 1000, (long long)bookings[i].row.ends_at / 1000, bookings[i].row.title);
    }
    rc = run_check(arena, text_of(arena, CALENDAR_PUBLISH, bookings, count), mp_buf_text(&expected));
    if (rc == 77)
        skip(); /* python3-icalendar is not installed */
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(an_invitation_says_it_all),
        ARENA_TEST(a_cancelled_one_has_no_way_in),
        ARENA_TEST(a_meeting_that_is_gone_is_not_shown),
        ARENA_TEST(people_are_named_by_plain_email_only),
        ARENA_TEST(a_request_has_an_organizer_and_an_attendee),
        ARENA_TEST(lines_are_folded_between_characters),
        ARENA_TEST(nothing_breaks_out_of_its_line),
        ARENA_TEST(the_second_of_two_equal_times_is_written_in_utc),
        ARENA_TEST(libical_reads_the_same_instants),
        ARENA_TEST(a_shift_stands_with_its_own_date),
        ARENA_TEST(bookings_far_apart_make_no_long_zone),
        ARENA_TEST(each_zone_is_written_once),
        ARENA_TEST(icalendar_reads_the_same_instants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
