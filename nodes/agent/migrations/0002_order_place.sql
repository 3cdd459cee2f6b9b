-- A place is never given twice. Readers ask for orders above the last place they saw: an order that takes the place of a finished one would
-- wait until the next start.
ALTER TABLE order_waiting RENAME TO order_waiting_before;

CREATE TABLE order_waiting (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id    BLOB    NOT NULL UNIQUE,
    event BLOB    NOT NULL
) STRICT;

INSERT INTO order_waiting (place, id, event) SELECT place, id, event FROM order_waiting_before;

DROP TABLE order_waiting_before;
