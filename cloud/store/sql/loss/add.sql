INSERT INTO loss (node, stream, kind, records, bytes, epoch, from_seq, to_seq, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (node, stream, kind) DO UPDATE SET
    records = loss.records + excluded.records, bytes = loss.bytes + excluded.bytes,
    epoch = excluded.epoch, from_seq = excluded.from_seq, to_seq = excluded.to_seq, at = excluded.at
