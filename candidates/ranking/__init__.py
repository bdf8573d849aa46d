"""Ranking: ranker features and the gradient-boosted ranker."""
