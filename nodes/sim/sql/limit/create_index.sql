-- The journal's second index.
CREATE INDEX IF NOT EXISTS limit_row_by_age ON limit_row (applied_at)
