-- Care of the pool. Every statement may run twice.

-- `cordoned_at`: an operator wants no new meetings there; those that are there stay. NULL: it takes meetings.
ALTER TABLE account
  ADD COLUMN IF NOT EXISTS cordoned_at BIGINT NULL;

-- Every change that a person makes is in the audit log now: it is read by what was done and how it ended, too.
ALTER TABLE audit
  ADD INDEX IF NOT EXISTS audit_action (action, id),
  ADD INDEX IF NOT EXISTS audit_outcome (outcome, id),
  ADD INDEX IF NOT EXISTS audit_at (at);
