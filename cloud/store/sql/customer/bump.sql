UPDATE customer SET version = version + 1, affinity = coalesce($3, affinity)
WHERE id = $1 AND version = $2
