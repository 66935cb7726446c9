"""The minimum cost of a CDKTF program in Python: import cdktf, synthesize an empty stack."""

import sys

from cdktf import App, TerraformStack

app = App(outdir=sys.argv[1])
TerraformStack(app, "empty")
app.synth()
