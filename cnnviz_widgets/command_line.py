"""What the commands share."""

import argparse


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message):
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")
