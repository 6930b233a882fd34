"""The connectors that come with psa_copilot, one folder per PSA."""
