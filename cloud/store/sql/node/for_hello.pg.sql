SELECT enrolled, active, reclaim, epoch, session, mark, heard_at,
       (SELECT max(c.committed_at) FROM stream_cursor c WHERE c.node = node.id)
FROM node WHERE id = $1 FOR UPDATE
