DELETE FROM play_boot WHERE screen = ? AND boot = ?
