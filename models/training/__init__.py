"""Training: batches, the training loop, warm start."""
