"""What computes the networks, and the files that their weights lie in. An engine sees arrays and weights, no slice."""
