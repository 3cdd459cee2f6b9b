DELETE FROM node_alarm WHERE node = $1
