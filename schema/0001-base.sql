-- Accounts of the pool, their hosts, meetings and the places they take. Instants are milliseconds since 1970 (UTC).
-- Every statement may run twice.

CREATE TABLE IF NOT EXISTS installation (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  install_id CHAR(10) CHARACTER SET ascii NOT NULL,
  created_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row an account; configuration says what it is, this row how it is doing. Each booking writes `bookings`: on Galera a row that is only
-- locked, not written, holds nothing.
CREATE TABLE IF NOT EXISTS account (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET ascii NOT NULL,
  bookings BIGINT NOT NULL DEFAULT 0,
  inactive_until BIGINT NOT NULL DEFAULT 0,
  inactive_reason VARCHAR(32) CHARACTER SET ascii NULL,
  paused_until BIGINT NOT NULL DEFAULT 0,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  last_error VARCHAR(400) NULL,
  last_error_at BIGINT NOT NULL DEFAULT 0,
  token_sealed TEXT CHARACTER SET ascii NULL,
  token_mark CHAR(16) CHARACTER SET ascii NULL,
  token_expires_at BIGINT NOT NULL DEFAULT 0,
  token_fence BIGINT NOT NULL DEFAULT 0,
  token_owner VARCHAR(64) CHARACTER SET ascii NULL,
  token_lease_until BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY account_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS host (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  account_id INT UNSIGNED NOT NULL,
  zoom_user VARCHAR(190) NOT NULL,
  inactive_until BIGINT NOT NULL DEFAULT 0,
  inactive_reason VARCHAR(32) CHARACTER SET ascii NULL,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  daily_day INT NOT NULL DEFAULT 0,
  daily_used INT NOT NULL DEFAULT 0,
  daily_created INT NOT NULL DEFAULT 0,
  swept_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY host_user (account_id, zoom_user)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- `replaces` is the meeting that this one is made for to take its place, as it was at `replaces_version`: one at a time. When this one is there, both
-- are swapped in one transaction.
CREATE TABLE IF NOT EXISTS meeting (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner_sub VARCHAR(190) NOT NULL,
  host_sub VARCHAR(190) NULL,
  unit_key CHAR(64) CHARACTER SET ascii NULL,
  status VARCHAR(10) CHARACTER SET ascii NOT NULL,
  version INT UNSIGNED NOT NULL DEFAULT 1,
  pending VARCHAR(8) CHARACTER SET ascii NULL,
  pending_error VARCHAR(400) NULL,
  zoom_id BIGINT NULL,
  zoom_uuid VARCHAR(64) CHARACTER SET ascii NULL,
  account_id INT UNSIGNED NULL,
  host_id INT UNSIGNED NULL,
  host_email VARCHAR(190) NULL,
  replaced_by BIGINT UNSIGNED NULL,
  replaces BIGINT UNSIGNED NULL,
  replaces_version INT UNSIGNED NULL,
  type TINYINT NOT NULL DEFAULT 2,
  topic VARCHAR(200) NOT NULL,
  agenda TEXT NULL,
  starts_at BIGINT NOT NULL,
  duration_min INT NOT NULL,
  timezone VARCHAR(64) CHARACTER SET ascii NOT NULL,
  password VARCHAR(64) NULL,
  join_url VARCHAR(1000) NULL,
  settings_requested TEXT NULL,
  settings_effective TEXT NULL,
  placement MEDIUMTEXT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  started_at BIGINT NULL,
  ended_at BIGINT NULL,
  deleted_at BIGINT NULL,
  UNIQUE KEY meeting_unit (unit_key),
  UNIQUE KEY meeting_replaces (replaces),
  KEY meeting_zoom (zoom_id),
  KEY meeting_owner (owner_sub, status, starts_at),
  KEY meeting_host (host_sub, status, starts_at),
  KEY meeting_status (status, starts_at),
  KEY meeting_account (account_id, status, starts_at),
  KEY meeting_pending (pending, updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A place at a host, taken for a meeting. States: creating (Zoom may or may not know the meeting), held (it exists at Zoom), deleting (it is to go
-- at Zoom; taken until it has), lost (given up, but Zoom may have made it after all: looked for, deleted if it turns up; takes no place), spare (the
-- old interval of a meeting that is being moved, kept until Zoom has agreed), free.
CREATE TABLE IF NOT EXISTS place (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  meeting_id BIGINT UNSIGNED NOT NULL,
  account_id INT UNSIGNED NOT NULL,
  host_id INT UNSIGNED NOT NULL,
  ref CHAR(16) CHARACTER SET ascii NOT NULL,
  state VARCHAR(8) CHARACTER SET ascii NOT NULL,
  taken TINYINT NOT NULL DEFAULT 1,
  open TINYINT NOT NULL DEFAULT 0,
  busy_from BIGINT NOT NULL,
  busy_until BIGINT NOT NULL,
  zoom_id BIGINT NULL,
  owner VARCHAR(64) CHARACTER SET ascii NULL,
  lease_until BIGINT NOT NULL DEFAULT 0,
  fence INT UNSIGNED NOT NULL DEFAULT 0,
  check_at BIGINT NULL,
  checks INT UNSIGNED NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  CONSTRAINT place_length CHECK (busy_until > busy_from),
  UNIQUE KEY place_ref (ref),
  KEY place_capacity (account_id, taken, busy_from, busy_until, host_id),
  KEY place_open (account_id, open, busy_until),
  KEY place_meeting (meeting_id),
  KEY place_due (check_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Work that one process does at a time, whatever the number of hosts.
CREATE TABLE IF NOT EXISTS duty (
  name VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  owner VARCHAR(64) CHARACTER SET ascii NULL,
  fence BIGINT NOT NULL DEFAULT 0,
  lease_until BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
