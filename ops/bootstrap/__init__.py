"""Creates what every other layer needs: state bucket and deploy roles, with their own state."""
