-- A node that is served again is neither replaced nor too new. That a copy of it called stays to be seen.
DELETE FROM node_alarm WHERE node = $1 AND alarm IN ('replaced', 'unsupported')
