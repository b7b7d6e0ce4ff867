"""The commands: parse, call the driver, print, exit code. No rule about OVMS lives here."""
