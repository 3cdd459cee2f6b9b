UPDATE visit SET state = 'closed', state_at = ? WHERE visit = ?
