"""The plugins that come with psa_copilot, one module each."""
