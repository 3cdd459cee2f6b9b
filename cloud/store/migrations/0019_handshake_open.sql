-- Those that time may end are few among all that ever were.
CREATE INDEX handshake_open ON handshake (state) WHERE state IN ('claimed', 'active');
