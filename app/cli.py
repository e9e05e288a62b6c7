"""The command line: parse, one domain call, print."""
