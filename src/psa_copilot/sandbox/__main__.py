"""`python -m psa_copilot.sandbox connectwise --port 8081`."""

import sys

from psa_copilot.sandbox.command import main

sys.exit(main())
