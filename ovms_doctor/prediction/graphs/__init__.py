"""MediaPipe graphs: where the server looks for graph.pbtxt, how it parses it, and what it validates."""
