"""`python -m wamon` is the `wamon` command, also where the package is not installed."""

from wamon.cli import main

if __name__ == "__main__":
    main()
