"""A running server: recorded answers, failures on the way to it, hostile answers, proxies of the shell."""
