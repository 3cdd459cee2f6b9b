-- Whether a commit of this connection waits for the disk, and whether the table's rows are in the write-ahead log.
SELECT current_setting('fsync'), current_setting('synchronous_commit'),
    (SELECT relpersistence = 'p' FROM pg_class WHERE relname = 'limit_row')
