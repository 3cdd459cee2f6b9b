SELECT inputs FROM decision WHERE id = $1
