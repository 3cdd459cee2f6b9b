DELETE FROM reported_marker
