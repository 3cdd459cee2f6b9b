UPDATE node SET heard_at = $2, clock_skew_s = r.value ->> 'skew'
FROM json_each($1) AS r
WHERE node.id = r.value ->> 'node' AND node.session = r.value ->> 'session'
