"""The checks: plan and facts in, findings out. Pure; one module or package for each topic."""
