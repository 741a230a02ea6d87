"""The command line: serve, and everything an owner does at the machine itself."""
