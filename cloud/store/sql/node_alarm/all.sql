SELECT node, alarm, at FROM node_alarm ORDER BY node, alarm
