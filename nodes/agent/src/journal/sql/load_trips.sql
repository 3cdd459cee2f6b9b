SELECT body FROM trip
