"""A stand-in of GitHub's API: comments and issues of one repository."""
