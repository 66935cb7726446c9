"""CloudWatch metrics in the terminal."""
