DELETE FROM trip WHERE trip = ?1
