"""Two small services on the real chassis, to prove it with: a venue that has seats, a box office that books them."""
