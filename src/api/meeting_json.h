#ifndef MEETPOOL_API_MEETING_JSON_H
#define MEETPOOL_API_MEETING_JSON_H

#include "meetpool/api.h"
#include "meetpool/json.h"
#include "meetpool/meeting.h"

/* A meeting as users see it. `own_start_url`: Zoom's, right after it was made; else the URL of our start route stands in its place. The object is
 * handed over. */
struct json_object *mp_meeting_json(const struct mp_request *req, const struct mp_meeting *meeting);

/*
 * Whether they may start it: admins, its host and, in the pool, who made it. A start URL signs its holder in as the Zoom user that hosts, so one of a
 * person's own account is for that person, whoever has made the meeting.
 */
bool mp_meeting_may_start(const struct mp_request *req, const struct mp_meeting *meeting);
/* Zoom's own start URL right after the meeting was made, else our start route; NULL where Zoom does not know it yet, or they may not start it. */
const char *mp_meeting_start_link(const struct mp_request *req, const struct mp_meeting *meeting);

/*
 * settings{} of a request, as Zoom names them: values of the settings we know are checked, others pass as they are if they are plain. use_pmi is
 * never true (the caller warns: `pmi_asked`). NULL where the member is absent.
 */
struct json_object *mp_settings_read(const struct mp_json_reader *reader, bool *pmi_asked);

/* Warns that the system hosts the meeting, and why; `expected`: also where the host has connected no account. */
void mp_meeting_warn_host(struct mp_response *res, const struct mp_meeting *meeting, bool expected);
/* The settings that Zoom took otherwise than they were asked, in words; NULL: none. */
const char *mp_settings_differences(const struct mp_request *req, const char *requested, const char *effective, bool pmi_asked);
/* Warns `settings_differ`, once, naming each setting that Zoom took otherwise than it was asked. */
void mp_settings_compare(const struct mp_request *req, struct mp_response *res, const char *requested, const char *effective, bool pmi_asked);

/* A meeting password: NULL and a named field where it is not one. */
const char *mp_password_read(const struct mp_json_reader *reader, const char *key);

#endif
