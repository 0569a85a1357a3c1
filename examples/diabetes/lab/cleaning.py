"""From raw measurements to rows that one can trust."""
from sklearn.model_selection import train_test_split

NAMES = {"bp": "blood_pressure", "s1": "cholesterol", "s2": "ldl", "s3": "hdl", "s4": "cholesterol_ratio",
         "s5": "log_triglycerides", "s6": "glucose"}


def renamed(frame):
    """Give the columns their medical names."""
    return frame.rename(columns=NAMES)


def plausible(frame, bmi_limit):
    """Keep rows with possible values; in place, as one does with pandas."""
    frame["bmi"] = frame["bmi"].round(1)
    kept = frame[(frame["bmi"] < bmi_limit) & (frame["hdl"] > 0) & (frame["age"] >= 18)]
    return kept.reset_index(drop=True)


def split(frame, test_share, seed):
    """Return the two parts by name."""
    train, test = train_test_split(frame, test_size=test_share, random_state=seed)
    return {"train": train.reset_index(drop=True), "test": test.reset_index(drop=True)}
