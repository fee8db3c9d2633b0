-- The console's summary. Every statement may run twice.

-- What is stored in all is summed by name over the days: read from this alone.
ALTER TABLE day_sum
  ADD INDEX IF NOT EXISTS day_sum_name (name, day, value);
