"""A running server: recorded answers, what fails on the way to it, hostile answers, proxies of the shell."""
