DELETE FROM visit WHERE visit = ?
