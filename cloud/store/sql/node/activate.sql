-- After deactivate.sql: a store has one active node at every moment.
UPDATE node SET active = TRUE WHERE id = $1
