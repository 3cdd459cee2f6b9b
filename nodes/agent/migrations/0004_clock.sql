-- Time that no step of the wall clock moves, and that goes on across restarts from the last saved pair. It began as the wall time of the first
-- run, so what stood here as wall time reads as it did.
CREATE TABLE clock (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    wall      INTEGER NOT NULL,
    monotonic INTEGER NOT NULL
) STRICT;

ALTER TABLE visit ADD COLUMN opened_mono INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visit ADD COLUMN seen_mono INTEGER NOT NULL DEFAULT 0;
-- Since when it is idle or closed.
ALTER TABLE visit RENAME COLUMN state_at TO state_mono;
UPDATE visit SET opened_mono = opened_at, seen_mono = last_seen_at;
