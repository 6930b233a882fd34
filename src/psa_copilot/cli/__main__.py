"""`python -m psa_copilot.cli`, the same as `psa-copilot`."""

from psa_copilot.cli import main

main()
