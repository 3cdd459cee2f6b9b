-- What a play says beyond its key, its length and its outcome. A play of an older screen leaves it out.
ALTER TABLE play ADD COLUMN schedule TEXT;
ALTER TABLE play ADD COLUMN creative_sha256 TEXT;
ALTER TABLE play ADD COLUMN mono_ms BIGINT;
ALTER TABLE play ADD COLUMN cut_by TEXT;
ALTER TABLE play ADD COLUMN engagements TEXT;
ALTER TABLE play ADD COLUMN names TEXT;
