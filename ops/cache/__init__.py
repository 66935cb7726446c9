"""The cached answers, as operators handle them."""
