DELETE FROM down_order WHERE applied_at < $1
