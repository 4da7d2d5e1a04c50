"""`sarco segment` and `sarco measure`: what is done around the method for one slice, or many, of a user."""
