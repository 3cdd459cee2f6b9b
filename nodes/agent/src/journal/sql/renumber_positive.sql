UPDATE log_record SET seq = -seq WHERE seq < 0
