"""HaloPSA: tickets and actions of one tenant."""
