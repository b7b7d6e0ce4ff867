"""How a TARGET of the command line is resolved: which models it contains."""
