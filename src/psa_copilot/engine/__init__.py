"""What drives the work: noticing, thinking, judging, writing, and the durable engine beneath them."""
