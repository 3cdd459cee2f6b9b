SELECT bytes FROM content_part WHERE sha256 = $1 AND place = $2
