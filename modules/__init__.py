"""Settings become layers, layers become resources, resources become Terraform JSON."""
