"""Other libraries that make the same maps, each in an environment and a process of its own."""
