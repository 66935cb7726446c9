"""Which rights real Terraform needs: calls recorded at the emulator, judged by evaluators."""
