UPDATE stream_cursor c
SET seq = m.reached, mark = greatest(c.mark, m.mark), poison_run = m.poison_run, pending = m.pending,
    applied = c.applied + m.applied, quarantined = c.quarantined + m.quarantined, committed_at = m.at
FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[],
            $11::TIMESTAMPTZ[]) AS m (node, stream, epoch, stood, reached, mark, poison_run, pending, applied, quarantined, at)
WHERE c.node = m.node AND c.stream = m.stream AND c.epoch = m.epoch AND c.seq = m.stood
