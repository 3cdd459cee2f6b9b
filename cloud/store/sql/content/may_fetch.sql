-- The key is the store's: once a box of the store has a certificate, it opens nothing for anybody there.
SELECT count(*) FROM node n WHERE n.id = $1 AND n.enrolled AND NOT EXISTS (
    SELECT 1 FROM certificate c JOIN node other ON other.id = c.node WHERE other.tenant = n.tenant AND other.store = n.store)
