-- What a meeting is for. Every statement may run twice.

-- `kind`: of its booking; 'meeting': it belongs to none. It decides which accounts and places it may have when it is moved.
ALTER TABLE meeting
  ADD COLUMN IF NOT EXISTS kind VARCHAR(16) CHARACTER SET ascii NOT NULL DEFAULT 'meeting';

UPDATE meeting m JOIN booking b ON b.meeting_id = m.id SET m.kind = b.kind WHERE m.status = 'scheduled' AND m.kind = 'meeting';
