"""How the server checks one inference request: from the URL to the status it answers."""
