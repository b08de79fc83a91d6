"""A process that ends while starting."""

import sys

from tests.integration.standin import main

if __name__ == "__main__":
    sys.exit(main(crashes=True))
