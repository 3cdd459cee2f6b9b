-- What follows from applied records and is not done yet.
SELECT count(*) FROM outbox
