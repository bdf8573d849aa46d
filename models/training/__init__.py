"""Training of the two towers: the encoded training set, batches, the training loop, the warm start."""
