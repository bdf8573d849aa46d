"""The leak check: the same questions to worlds that differ in the future only."""
