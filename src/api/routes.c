#include "api_int.h"

/* The rows stand beside their handlers, one table a file. */
const struct mp_route_table *const mp_api_tables[] = {
    &mp_ops_routes,
    &mp_metric_routes,
    &mp_account_routes,
    &mp_meeting_routes,
    &mp_connection_routes,
    &mp_audit_routes,
    &mp_course_routes,
    &mp_batch_routes,
    &mp_session_routes,
    &mp_face_routes,
    &mp_calendar_routes,
    &mp_recording_routes,
    &mp_job_routes,
    &mp_webhook_routes,
    &mp_lesson_routes,
    &mp_recording_file_routes,
    &mp_summary_routes,
};
const size_t mp_api_tables_count = MP_COUNT(mp_api_tables);
