-- A node with a certificate came by a claim and goes by a revocation.
UPDATE node SET enrolled = FALSE
WHERE enrolled AND id NOT IN (SELECT value FROM jsonb_array_elements_text($1) AS value)
  AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.node = node.id)
