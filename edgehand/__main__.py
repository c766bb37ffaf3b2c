"""`python -m edgehand` and `torchrun -m edgehand`: the command line."""

import sys

from edgehand.cli import main

sys.exit(main())
