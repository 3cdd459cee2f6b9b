SELECT epoch FROM log_lineage ORDER BY place
