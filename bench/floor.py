"""The least that any CDKTF program in Python costs: import cdktf, synthesize one empty stack."""

import sys

from cdktf import App, TerraformStack

app = App(outdir=sys.argv[1])
TerraformStack(app, "empty")
app.synth()
