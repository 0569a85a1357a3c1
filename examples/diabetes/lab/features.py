"""The columns that the models see."""
from . import scales


def make(train, test):
    """Return columns `x` and target `y` of both parts; scales are learned from the first alone."""
    scale = scales.learn(derived(train).drop(columns="target"))
    return {
        name: {"x": scales.apply(derived(part).drop(columns="target"), scale), "y": part["target"].to_numpy()}
        for name, part in (("train", train), ("test", test))
    }


def derived(frame):
    """Add columns that are made of others."""
    added = frame.copy()
    added["bmi_pressure"] = added["bmi"] * added["blood_pressure"]
    added["lipid_balance"] = added["ldl"] / added["hdl"]
    return added
