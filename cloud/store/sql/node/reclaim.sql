-- A box that was never heard of has no history that could be superseded.
UPDATE node SET reclaim = (epoch IS NOT NULL) WHERE id = $1 AND enrolled
