-- Recordings: what is known of each held meeting's recording, its files on their way home, and the lessons made of them. Instants are milliseconds
-- since 1970 (UTC). Every statement may run twice.

-- One row a meeting that was, or should be, recorded. States: waiting (not ended, or nothing at Zoom yet), late (the usual tries are over; looked for
-- at the late interval), syncing (files are on their way), synced, none (the late days are over: none was made), failed. `asked_at`: when the job was
-- made by which a person last had it begun anew; `again`: which of its files are then brought home again: 1 those that failed, 2 all. `missing`: the daily pass found it at none of the host's recordings.
CREATE TABLE IF NOT EXISTS recording (
  meeting_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  booking_id BIGINT UNSIGNED NULL,
  batch_id BIGINT UNSIGNED NULL,
  state VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  first_try_at BIGINT NULL,
  last_try_at BIGINT NULL,
  next_try_at BIGINT NULL,
  synced_at BIGINT NULL,
  asked_at BIGINT NOT NULL DEFAULT 0,
  again TINYINT NOT NULL DEFAULT 0,
  error_code VARCHAR(48) CHARACTER SET ascii COLLATE ascii_bin NULL,
  error VARCHAR(400) NULL,
  files INT UNSIGNED NOT NULL DEFAULT 0,
  files_stored INT UNSIGNED NOT NULL DEFAULT 0,
  bytes_stored BIGINT NOT NULL DEFAULT 0,
  missing TINYINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  KEY recording_batch (batch_id, meeting_id),
  KEY recording_booking (booking_id),
  KEY recording_state (state, meeting_id),
  KEY recording_missing (missing, meeting_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row each time a meeting was held, by Zoom's uuid of that occurrence.
CREATE TABLE IF NOT EXISTS occurrence (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  uuid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  meeting_id BIGINT UNSIGNED NOT NULL,
  started_at BIGINT NULL,
  ended_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE KEY occurrence_uuid (uuid),
  KEY occurrence_meeting (meeting_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row a file at Zoom. `file_key`: Zoom's id of the file, or type and start where it has none. States: found, moving, stored, failed, expired (gone
-- at Zoom before it was brought home), trashed (stored, then put into Zoom's trash), removed (with its lesson, by hand). `mover`: the job, and the try of it, that has it in its hands: what
-- an earlier one still writes changes nothing.
CREATE TABLE IF NOT EXISTS recording_file (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  occurrence_id BIGINT UNSIGNED NOT NULL,
  meeting_id BIGINT UNSIGNED NOT NULL,
  file_key VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  zoom_file_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  file_type VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  recording_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  size BIGINT NOT NULL DEFAULT -1,
  recorded_from BIGINT NULL,
  recorded_until BIGINT NULL,
  download_url TEXT NOT NULL,
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  mover VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  object_key VARCHAR(400) NOT NULL,
  upload_id VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NULL,
  etag VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  error_code VARCHAR(48) CHARACTER SET ascii COLLATE ascii_bin NULL,
  error VARCHAR(400) NULL,
  moved_ms BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  stored_at BIGINT NULL,
  UNIQUE KEY file_name (occurrence_id, file_key),
  KEY file_meeting (meeting_id, state),
  KEY file_state (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The parts of an upload that the storage has.
CREATE TABLE IF NOT EXISTS recording_part (
  file_id BIGINT UNSIGNED NOT NULL,
  number INT UNSIGNED NOT NULL,
  size BIGINT NOT NULL,
  etag VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (file_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A recorded lesson of a session: brought home from Zoom, uploaded by hand (waiting until the upload is there and of the size that was said), or a
-- link to somewhere else.
CREATE TABLE IF NOT EXISTS lesson (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  booking_id BIGINT UNSIGNED NULL,
  batch_id BIGINT UNSIGNED NULL,
  meeting_id BIGINT UNSIGNED NULL,
  file_id BIGINT UNSIGNED NULL,
  source VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  title VARCHAR(200) NOT NULL,
  object_key VARCHAR(400) NULL,
  external_url VARCHAR(2000) NULL,
  filename VARCHAR(200) NULL,
  content_type VARCHAR(100) CHARACTER SET ascii NULL,
  size BIGINT NOT NULL DEFAULT -1,
  owner_sub VARCHAR(190) NULL,
  created_at BIGINT NOT NULL,
  removed_at BIGINT NULL,
  UNIQUE KEY lesson_public (public_id),
  UNIQUE KEY lesson_file (file_id),
  KEY lesson_batch (batch_id, state, id),
  KEY lesson_booking (booking_id, state, id),
  KEY lesson_meeting (meeting_id, state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Sums a UTC day, so that charts over months cost a few rows: "recordings_synced", "recording_bytes", "recording_failures:download" ...
CREATE TABLE IF NOT EXISTS day_sum (
  day INT NOT NULL,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (day, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
