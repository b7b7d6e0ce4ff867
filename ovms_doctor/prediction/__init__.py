"""What the server does with its deployment: a pure function from deployment and facts to a Plan."""
