"""What the server does with what it was told: a pure function from deployment and facts to a Plan."""
