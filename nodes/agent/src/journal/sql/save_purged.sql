UPDATE log_stream SET purged = ? WHERE stream = 'reported'
