-- Effects of telemetry.
SELECT count(*) FROM play WHERE node = $1
