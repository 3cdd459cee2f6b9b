SELECT event FROM log_record WHERE stream = 'reported' AND key = ?
