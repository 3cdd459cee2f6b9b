UPDATE down_document SET applied_at = $1
WHERE applied_at IS NULL AND deleted
  AND seq <= (SELECT desired_acked FROM down_log l WHERE l.node = down_document.node)
