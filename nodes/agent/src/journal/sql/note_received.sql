INSERT INTO down_journal (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING
