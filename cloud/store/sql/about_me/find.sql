SELECT sealed FROM about_me WHERE customer = $1
