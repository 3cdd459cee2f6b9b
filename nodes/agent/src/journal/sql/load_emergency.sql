SELECT active, shown FROM emergency
