DELETE FROM used_pass WHERE pass = ?
