-- The queue of background work. Instants are milliseconds since 1970 by the database's clock. Every statement may run twice.

-- `slot`: with kind and subject it names a job. 0 while a job is open of which there is one at a time; NULL when it is over; a periodic job's instant
-- for ever. `again_at`: asked for once more while it ran, due then. `attempts` grows before each try; one that died does not
-- count where `progress_done` was above `progress_best`, the furthest that those before it came.
CREATE TABLE IF NOT EXISTS job (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id CHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind VARCHAR(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(190) NOT NULL,
  slot BIGINT NULL,
  lane TINYINT UNSIGNED NOT NULL,
  priority TINYINT UNSIGNED NOT NULL,
  state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  due_at BIGINT NOT NULL,
  again_at BIGINT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  most_attempts INT UNSIGNED NOT NULL DEFAULT 0,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  lease_until BIGINT NOT NULL DEFAULT 0,
  fence BIGINT NOT NULL DEFAULT 0,
  args TEXT NULL,
  requested_by VARCHAR(190) NULL,
  batch_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
  progress_done BIGINT NOT NULL DEFAULT 0,
  progress_total BIGINT NOT NULL DEFAULT 0,
  progress_best BIGINT NOT NULL DEFAULT 0,
  error_code VARCHAR(48) CHARACTER SET ascii COLLATE ascii_bin NULL,
  error VARCHAR(400) NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT NULL,
  finished_at BIGINT NULL,
  UNIQUE KEY job_public (public_id),
  UNIQUE KEY job_name (kind, subject, slot),
  KEY job_due (lane, state, priority, due_at),
  KEY job_lease (state, lease_until),
  KEY job_state (state, id),
  KEY job_kind (kind, id),
  KEY job_kind_state (kind, state, id),
  KEY job_over (finished_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
