UPDATE down_log SET successor = CASE WHEN node = $3 THEN NULL ELSE $3 END
WHERE node IN (SELECT id FROM node WHERE tenant = $1 AND store = $2)
