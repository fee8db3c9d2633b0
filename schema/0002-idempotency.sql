-- What was answered to a POST with an Idempotency-Key. Times are milliseconds since 1970 by the database's clock.
-- key_hash: SHA-256 over user, method, route and key. unit names the work over its repeated tries; it changes when an expired key is used anew.
-- state: 1 running, held by `owner` until lease_until; 2 done, `answer` (sealed) is given again. fence goes up with each owner.
CREATE TABLE IF NOT EXISTS idempotency (
    key_hash BINARY(32) NOT NULL,
    body_hash BINARY(32) NOT NULL,
    unit BINARY(32) NOT NULL,
    state TINYINT UNSIGNED NOT NULL,
    owner VARCHAR(190) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    fence BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    status SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    answer MEDIUMBLOB NULL,
    PRIMARY KEY (key_hash),
    KEY idempotency_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
