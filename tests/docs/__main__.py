"""``python -m tests.docs``: make the generated parts of the README anew."""

from tests.docs.tables import README, generated

if __name__ == "__main__":
    README.write_text(generated(README.read_text()))
