"""The commands: parse, run the diagnosis, print, exit code. They contain no rule about OVMS."""
