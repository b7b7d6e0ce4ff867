"""What to say: plan and facts in, findings out. Pure; one file for each topic."""
