SELECT boot, high FROM play_boot WHERE screen = ?
