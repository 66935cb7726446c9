"""Terraform on the local stacks."""
