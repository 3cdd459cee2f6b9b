-- Who holds which partition now.
SELECT owner, part FROM partition_lease WHERE owner IS NOT NULL AND lease_until > clock_timestamp()
