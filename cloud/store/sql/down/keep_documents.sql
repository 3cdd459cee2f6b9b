-- One above the highest deletion marker that goes: a reader below it would miss a deletion.
UPDATE down_log SET desired_kept =
    (SELECT max(seq) + 1 FROM down_document d WHERE d.node = down_log.node AND d.deleted AND d.applied_at < $1)
WHERE node IN (SELECT node FROM down_document WHERE deleted AND applied_at < $1)
