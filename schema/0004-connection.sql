-- People's own Zoom accounts: their tokens (sealed), the consents that were begun, and what happened to them. Instants are milliseconds since 1970
-- by the database's clock. Every statement may run twice.

-- One row a person. `pair` counts the pairs of tokens that were stored. `owner` refreshes until lease_until, with `fence` going up at each lease;
-- `begun` counts the refreshes with the present refresh token whose outcome nobody has written down: the server may have used it up.
CREATE TABLE IF NOT EXISTS connection (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sub VARCHAR(190) NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  zoom_user_id VARCHAR(64) NOT NULL,
  zoom_account_id VARCHAR(64) NULL,
  zoom_email VARCHAR(254) NOT NULL,
  zoom_type INT NOT NULL DEFAULT 0,
  access_sealed TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  refresh_sealed TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  pair BIGINT NOT NULL DEFAULT 1,
  expires_at BIGINT NOT NULL,
  renew_at BIGINT NOT NULL,
  fence BIGINT NOT NULL DEFAULT 0,
  owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  lease_until BIGINT NOT NULL DEFAULT 0,
  begun INT NOT NULL DEFAULT 0,
  failures INT NOT NULL DEFAULT 0,
  try_at BIGINT NOT NULL DEFAULT 0,
  connected_at BIGINT NOT NULL,
  refreshed_at BIGINT NOT NULL,
  last_error VARCHAR(400) NULL,
  last_error_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY connection_sub (sub),
  KEY connection_zoom (zoom_user_id),
  KEY connection_idle (state, refreshed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A consent that was begun: good once. What comes back from Zoom is looked up by the hash of its state.
CREATE TABLE IF NOT EXISTS oauth_state (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  state_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sub VARCHAR(190) NOT NULL,
  browser_hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  verifier_sealed TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NULL,
  UNIQUE KEY oauth_state_hash (state_hash),
  KEY oauth_state_sub (sub, id),
  KEY oauth_state_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who did what to whom. Rows are added and never changed.
CREATE TABLE IF NOT EXISTS audit (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor VARCHAR(190) NULL,
  action VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(190) NULL,
  outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail VARCHAR(400) NULL,
  remote_addr VARCHAR(64) NULL,
  request_id VARCHAR(128) NULL,
  KEY audit_actor (actor, id),
  KEY audit_subject (subject, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A text sealed with each key that was ever the newest: tells a key that is missing or has been mixed up before anything is sealed with it.
CREATE TABLE IF NOT EXISTS key_check (
  key_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  sealed VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_at BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
