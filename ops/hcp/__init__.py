"""HCP Terraform: workspaces as the settings and the dependency graph describe them, and runs."""
