-- What the cloud sees of a node that the node cannot say: why its HELLO was refused, and by how much its clock is off.
ALTER TABLE node ADD COLUMN clock_skew_s BIGINT;

-- One row per node and alarm; `at` is when it was last seen.
CREATE TABLE node_alarm (
    node TEXT NOT NULL REFERENCES node (id),
    alarm TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, alarm)
);
