-- People's own Zoom accounts take meetings beside the pool's. Every statement may run twice.

-- `guest`: a person's own, named `user:` and Zoom's id of that user (upper and lower case differ), with one host, `me`. `max_concurrent` is told by
-- the kind of licence and counts for guests alone; the pool's limits stand in the configuration.
ALTER TABLE account
  MODIFY name VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ADD COLUMN IF NOT EXISTS guest TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS max_concurrent INT NOT NULL DEFAULT 0,
  ADD INDEX IF NOT EXISTS account_guest (guest);
