"""What connectors and plugins may import from psa_copilot."""
