SELECT key FROM document WHERE epoch <> ? AND event IS NOT NULL
