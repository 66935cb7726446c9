"""What every command that talks to an environment stands on."""
