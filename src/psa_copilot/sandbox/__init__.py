"""The machinery that the PSA sandboxes share."""
