SELECT hash FROM sale WHERE source_ref = $1
