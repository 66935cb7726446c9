"""Terraform on synthesized stacks: what the local AWS, bootstrap and HCP Terraform share."""
