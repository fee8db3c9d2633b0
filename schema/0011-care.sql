-- Care of the pool. Every statement may run twice.

-- `cordoned_at`: an operator wants no new meetings there; those that are there stay. NULL: it takes meetings.
ALTER TABLE account
  ADD COLUMN IF NOT EXISTS cordoned_at BIGINT NULL;
