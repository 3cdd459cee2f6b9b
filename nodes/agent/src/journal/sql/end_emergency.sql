DELETE FROM emergency
