DELETE FROM down_document WHERE deleted AND applied_at < $1
