"""Entry point of `python -m fanal`: runs the `fanal` command."""

from fanal.cli.main import main

if __name__ == "__main__":
    main()
