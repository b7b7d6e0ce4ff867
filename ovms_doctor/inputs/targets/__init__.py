"""How a TARGET of the command line is understood: which models it holds."""
