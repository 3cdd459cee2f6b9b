DELETE FROM send WHERE candidate = $1 AND customer = $2 AND NOT committed
