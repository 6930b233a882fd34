"""Surveys a desk that we do not know yet: what its statuses mean, whose tickets are alerts, when it works, and what
nobody has noticed. Reading only."""
