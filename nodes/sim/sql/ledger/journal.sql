-- Records of class A whose effects were committed, in the order of the log.
SELECT id, stream, epoch, seq, applied_at FROM journal WHERE source = $1 ORDER BY stream, epoch, seq
