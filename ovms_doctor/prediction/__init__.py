"""Predicts the result of a deployment: a pure function from deployment and facts to a Plan."""
