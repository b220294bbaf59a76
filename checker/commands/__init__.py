"""The command line, a file for each command; heavy modules are imported inside the commands, so that `--help` answers at once."""
