"""Progression of diabetes, predicted from ten measurements of 442 patients (scikit-learn's bundled data)."""
import pandas as pd
from deepwatch_flow import Product, step
from lab import cleaning, features, models, plots, scores
from sklearn.datasets import load_diabetes


@step
def patients() -> pd.DataFrame:
    """Load the measurements in their natural units."""
    return load_diabetes(as_frame=True, scaled=False).frame


@step
def clean(patients, bmi_limit=40.0):
    """Drop what can't be right or is too far out; name the columns for people."""
    return cleaning.plausible(cleaning.renamed(patients), bmi_limit)


@step
def parts(clean, test_share=0.25, seed=7):
    """Split into rows to learn from and rows to judge by."""
    return cleaning.split(clean, test_share, seed)


@step(name="features")
def make_features(parts):
    """Derive and scale the columns that the models see."""
    return features.make(parts["train"], parts["test"])


@step(tags=["model"])
def ridge(features, alpha=1.0):
    """Linear regression with a penalty."""
    return models.ridge(features, alpha)


@step(tags=["model"])
def svr(features, c=40.0, epsilon=5.0):
    """Support vector regression."""
    return models.svr(features, c, epsilon)


@step
def evaluate(features, ridge, svr):
    """Compare the models on the rows they have not seen."""
    return scores.compare(features, {"ridge": ridge, "svr": svr})


@step(needs={"table": evaluate})
def plot(features, ridge, svr, table, out=Product("reports/diabetes.png")):
    """Draw predictions against the truth."""
    out.parent.mkdir(exist_ok=True)
    plots.predictions(features, {"ridge": ridge, "svr": svr}, table, out)
