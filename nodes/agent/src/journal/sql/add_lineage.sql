INSERT INTO log_lineage (epoch) VALUES (?)
