-- Every round begins alike.
TRUNCATE limit_row
