-- What the receiver itself says it applied.
SELECT stream, applied, quarantined FROM stream_cursor WHERE node = $1
