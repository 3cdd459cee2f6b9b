SELECT count(*) FROM quarantine WHERE fate IS NULL
