"""What authors of connectors and plugins test with."""
