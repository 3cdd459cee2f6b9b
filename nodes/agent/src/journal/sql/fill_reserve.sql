INSERT INTO log_reserve (block) VALUES (zeroblob(?))
