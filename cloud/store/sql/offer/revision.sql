SELECT published FROM offer_revision WHERE offer = $1 AND rev = $2
