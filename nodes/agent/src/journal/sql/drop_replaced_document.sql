DELETE FROM log_record WHERE stream = ? AND key = ? RETURNING length(event)
