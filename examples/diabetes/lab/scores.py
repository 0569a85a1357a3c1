"""How good is a model?"""
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score


def compare(features, models):
    """Return a table with one row for each model, the best first."""
    rows = []
    for name, model in models.items():
        predicted = model.predict(features["test"]["x"])
        truth = features["test"]["y"]
        rows.append({"model": name, "mean_error": mean_absolute_error(truth, predicted),
                     "r2": r2_score(truth, predicted)})
    return pd.DataFrame(rows).sort_values("mean_error").round(3).reset_index(drop=True)
