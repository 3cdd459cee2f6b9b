INSERT INTO nfc_display (display, taps) VALUES (?, 1)
ON CONFLICT (display) DO UPDATE SET taps = taps + 1
