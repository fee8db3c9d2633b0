-- Bookings follow what became of their meetings elsewhere, and sessions what becomes of their batch. Every statement may run twice.

-- `news`: changed since its booking has looked at it.
ALTER TABLE meeting
  ADD COLUMN IF NOT EXISTS news TINYINT NOT NULL DEFAULT 0,
  ADD INDEX IF NOT EXISTS meeting_news (news, id);

-- `sessions_made`: written by whoever makes sessions, so that a change of the batch or course at the same moment comes before or after, on every node of a
-- cluster.
ALTER TABLE batch
  ADD COLUMN IF NOT EXISTS sessions_made BIGINT UNSIGNED NOT NULL DEFAULT 0;
ALTER TABLE course
  ADD COLUMN IF NOT EXISTS sessions_made BIGINT UNSIGNED NOT NULL DEFAULT 0;
