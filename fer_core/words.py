"""Numbers with their nouns."""


def count(number: int, one: str, many: str = "") -> str:
    """How many there are, in words: the noun as its number asks for it.

    Args:
        number: how many.
        one: the noun for one.
        many: for any other number; `one` with an s, if not given.

    Examples:
        >>> count(1, "face"), count(2000, "face"), count(0, "person or clip", "people or clips")
        ('1 face', '2,000 faces', '0 people or clips')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
