"""`python -m fanal` is the `fanal` command."""

from fanal.cli.main import main

if __name__ == "__main__":
    main()
