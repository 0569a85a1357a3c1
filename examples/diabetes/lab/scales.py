"""Bring columns to a common scale. No module of the pipeline imports this one but `features`."""

#: how many spreads from the center a value may lie before it is cut
CUT = 4.0


def learn(frame):
    """Return center and spread of each column."""
    return {column: (float(frame[column].mean()), float(frame[column].std()) or 1.0) for column in frame.columns}


def apply(frame, scale):
    """Center, divide by the spread, cut what is far out."""
    scaled = frame.copy()
    for column, (center, spread) in scale.items():
        scaled[column] = ((scaled[column] - center) / spread).clip(-CUT, CUT)
    return scaled


def undo(values, center, spread):
    """Bring scaled values back to their units. Nothing uses this yet."""
    return values * spread + center
