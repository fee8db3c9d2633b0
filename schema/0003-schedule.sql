-- Courses, batches and bookings: a booking is a thing with a time, people and, if wanted, a meeting. Instants are milliseconds since 1970 (UTC).
-- Public ids are 24 hex digits, the first 8 the second of creation.

CREATE TABLE IF NOT EXISTS course (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner_sub VARCHAR(190) NOT NULL,
  title VARCHAR(200) NOT NULL,
  description TEXT NULL,
  timezone VARCHAR(64) CHARACTER SET ascii NOT NULL,
  deleted TINYINT NOT NULL DEFAULT 0,
  version INT UNSIGNED NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE KEY course_public (public_id),
  KEY course_owner (owner_sub, deleted, id),
  KEY course_all (deleted, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS batch (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  owner_sub VARCHAR(190) NOT NULL,
  instructor_sub VARCHAR(190) NULL,
  course_id BIGINT UNSIGNED NULL,
  name VARCHAR(200) NOT NULL,
  batch_type VARCHAR(10) CHARACTER SET ascii NOT NULL,
  timezone VARCHAR(64) CHARACTER SET ascii NOT NULL,
  settings TEXT NULL,
  deleted TINYINT NOT NULL DEFAULT 0,
  version INT UNSIGNED NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE KEY batch_public (public_id),
  KEY batch_owner (owner_sub, deleted, id),
  KEY batch_instructor (instructor_sub, deleted, id),
  KEY batch_course (course_id, deleted, id),
  KEY batch_all (deleted, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS batch_member (
  batch_id BIGINT UNSIGNED NOT NULL,
  sub VARCHAR(190) NOT NULL,
  PRIMARY KEY (batch_id, sub),
  KEY member_sub (sub, batch_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- `dirty`: the meeting does not agree with the booking yet; whoever holds the lease makes it so, and `retry_at` says when the runner looks.
-- `generation` counts the meetings a booking has had: with the public id it names the unit of work, so that no try makes a second one.
-- `leaving_id`: a meeting that is not wanted any more and may not be gone at Zoom yet.
CREATE TABLE IF NOT EXISTS booking (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii NOT NULL,
  status VARCHAR(10) CHARACTER SET ascii NOT NULL,
  owner_sub VARCHAR(190) NOT NULL,
  host_sub VARCHAR(190) NULL,
  course_id BIGINT UNSIGNED NULL,
  batch_id BIGINT UNSIGNED NULL,
  series_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NULL,
  title VARCHAR(200) NOT NULL,
  topic VARCHAR(200) NOT NULL,
  description TEXT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  timezone VARCHAR(64) CHARACTER SET ascii NOT NULL,
  wants_meeting TINYINT NOT NULL,
  settings TEXT NULL,
  meeting_id BIGINT UNSIGNED NULL,
  leaving_id BIGINT UNSIGNED NULL,
  meeting_state VARCHAR(8) CHARACTER SET ascii NOT NULL,
  meeting_reason VARCHAR(400) NULL,
  generation INT UNSIGNED NOT NULL DEFAULT 1,
  dirty TINYINT NOT NULL DEFAULT 0,
  tries INT UNSIGNED NOT NULL DEFAULT 0,
  retry_at BIGINT NULL,
  worker VARCHAR(64) CHARACTER SET ascii NULL,
  lease_until BIGINT NOT NULL DEFAULT 0,
  fence INT UNSIGNED NOT NULL DEFAULT 0,
  sequence INT UNSIGNED NOT NULL DEFAULT 0,
  version INT UNSIGNED NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  UNIQUE KEY booking_public (public_id),
  KEY booking_all (status, starts_at),
  KEY booking_kind (kind, status, starts_at),
  KEY booking_batch (batch_id, status, starts_at),
  KEY booking_course (course_id, status, starts_at),
  KEY booking_series (series_id, status, starts_at),
  KEY booking_meeting (meeting_id),
  KEY booking_retry (retry_at),
  KEY booking_lease (lease_until, worker)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who a booking is about, one row a person; `parts`: 1 owner, 2 host, 4 member, added up. Kind, status and start are the booking's, so that a
-- person's week is one walk of an index whatever the history.
CREATE TABLE IF NOT EXISTS booking_person (
  booking_id BIGINT UNSIGNED NOT NULL,
  sub VARCHAR(190) NOT NULL,
  parts TINYINT UNSIGNED NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii NOT NULL,
  status VARCHAR(10) CHARACTER SET ascii NOT NULL,
  starts_at BIGINT NOT NULL,
  PRIMARY KEY (booking_id, sub),
  KEY person_kind (sub, kind, status, starts_at, booking_id),
  KEY person_week (sub, status, starts_at, booking_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What each person wants meetings to be like, and the token of the person's calendar feed (its hash; the token itself is sealed).
CREATE TABLE IF NOT EXISTS person (
  sub VARCHAR(190) NOT NULL PRIMARY KEY,
  meeting_defaults TEXT NULL,
  feed_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  feed_sealed TEXT CHARACTER SET ascii NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE KEY person_feed (feed_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
