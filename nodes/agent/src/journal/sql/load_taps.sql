SELECT coalesce((SELECT taps FROM nfc_display WHERE display = ?), 0)
