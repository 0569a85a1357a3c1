"""The two models."""
from sklearn.linear_model import Ridge
from sklearn.svm import SVR


def ridge(features, alpha):
    """Fit a linear model with a penalty."""
    return Ridge(alpha=alpha).fit(features["train"]["x"], features["train"]["y"])


def svr(features, c, epsilon):
    """Fit a support vector machine."""
    return SVR(C=c, epsilon=epsilon).fit(features["train"]["x"], features["train"]["y"])
