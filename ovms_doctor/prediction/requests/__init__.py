"""The server's checks of one inference request: from the URL to the status of the answer."""
