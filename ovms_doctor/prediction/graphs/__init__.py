"""MediaPipe graphs: the paths at which the server searches for graph.pbtxt, its parser, and its validation."""
