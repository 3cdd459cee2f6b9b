SELECT wall, monotonic FROM clock WHERE one = 1
