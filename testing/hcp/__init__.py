"""A stand-in of the HCP Terraform API, for tests. Why and what it is not: decision 0032."""
