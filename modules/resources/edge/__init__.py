"""The CloudFront distribution and everything that it uses at the edge."""
