-- Sessions that people have ended, and how many meetings at once a person's licence lets run. Every statement may run twice.

-- A session's id until the cookie would have died by itself: a copy of the cookie opens nothing any more. `expires_at`: milliseconds since 1970.
CREATE TABLE IF NOT EXISTS session_ended (
  id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  expires_at BIGINT NOT NULL,
  KEY session_ended_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- `most_meetings` 0: Zoom has not told.
ALTER TABLE connection
  ADD COLUMN IF NOT EXISTS most_meetings INT NOT NULL DEFAULT 0;
