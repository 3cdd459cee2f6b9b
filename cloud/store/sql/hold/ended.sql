SELECT node, stream, at FROM stream_unhold WHERE at >= $1
