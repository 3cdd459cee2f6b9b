SELECT day, key FROM audit_day ORDER BY day
