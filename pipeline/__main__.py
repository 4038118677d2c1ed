"""`reprise`, and `python -m pipeline`.

Light, because each worker loads the file that its parent was started by once more.
"""


def main() -> None:
    """Run the command."""
    from pipeline.cli import main as run

    run()


if __name__ == "__main__":
    main()
