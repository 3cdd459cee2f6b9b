SELECT size, mime FROM content WHERE sha256 = $1
