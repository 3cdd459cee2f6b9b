SELECT epoch, mark FROM down_head WHERE one = 1
