SELECT physical_ms, counter FROM hlc WHERE one = 1
