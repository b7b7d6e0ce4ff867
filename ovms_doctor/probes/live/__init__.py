"""A running server: connections, requests over HTTP and gRPC, in a child process with a deadline."""
