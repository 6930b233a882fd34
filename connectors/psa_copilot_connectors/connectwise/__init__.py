"""ConnectWise PSA: tickets and notes of one company."""
