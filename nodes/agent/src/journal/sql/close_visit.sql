UPDATE visit SET state = 'closed', state_mono = ? WHERE visit = ?
