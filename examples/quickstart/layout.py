"""Plain text for people."""


def table(title, rows):
    """Return two aligned columns under a title."""
    width = max([len(str(name)) for name, _ in rows] + [len(title)])
    body = [f"{name:<{width}}  {number(value):>8}" for name, value in rows]
    return "\n".join([title, "-" * (width + 10), *body])


def number(value):
    """Write a number: fractions with one digit, whole ones as they are."""
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
