"""Training data: purchases, the training set and the validation set."""
