-- What Zoom told us, stored before it was answered, and what operators are to be told. Instants are milliseconds since 1970 by the database's clock.
-- Every statement may run twice.

-- `body_hash`: of the raw bytes; the same event comes more than once. `body`: what is worked with, nothing that is secret. `subject`: the meeting's
-- number or Zoom's id of the user, `instance`: that occurrence's uuid. States: stored, applied, ignored (nothing of ours), failed. `attempts` grows
-- before each try; `claim`: the round that has it until `due_at`.
CREATE TABLE IF NOT EXISTS webhook_event (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  app VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_at BIGINT NULL,
  subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  instance VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  body MEDIUMTEXT NOT NULL,
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  copies INT UNSIGNED NOT NULL DEFAULT 1,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  claim BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL DEFAULT 0,
  error VARCHAR(400) NULL,
  received_at BIGINT NOT NULL,
  applied_at BIGINT NULL,
  UNIQUE KEY event_body (app, body_hash),
  KEY event_state (state, id),
  KEY event_name (event, id),
  KEY event_app (app, id),
  KEY event_subject (subject, event),
  KEY event_received (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row an app: when it was last heard of (lists of events are expired, this is not), and what was refused under its name.
CREATE TABLE IF NOT EXISTS webhook_app (
  app VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  last_event VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  last_event_at BIGINT NOT NULL DEFAULT 0,
  last_challenge_at BIGINT NOT NULL DEFAULT 0,
  last_refused_at BIGINT NOT NULL DEFAULT 0,
  refused BIGINT NOT NULL DEFAULT 0,
  alarmed_at BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What went wrong and is to be mailed, gathered by kind and subject; `told_at` 0: not yet.
CREATE TABLE IF NOT EXISTS alert (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(190) NOT NULL,
  message VARCHAR(400) NOT NULL,
  times INT UNSIGNED NOT NULL DEFAULT 1,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  told_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY alert_open (kind, subject, told_at),
  KEY alert_told (told_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
