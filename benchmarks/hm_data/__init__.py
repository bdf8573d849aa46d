"""Generated raw tables at H&M's size: catalogue, customers, market, purchases, best achievable recall, statistics."""
