DELETE FROM revocation WHERE node = $1
