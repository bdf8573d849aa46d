"""Lists: vectors and seen sets go in, ranked candidates come out."""
