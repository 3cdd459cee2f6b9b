SELECT min(due) FROM candidate
