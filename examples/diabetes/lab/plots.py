"""Pictures, drawn without a screen."""
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLORS = {"ridge": "tab:blue", "svr": "tab:orange"}


def predictions(features, models, table, path):
    """Draw the predictions of each model against the truth into a PNG file."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    truth = features["test"]["y"]
    errors = table.set_index("model")["mean_error"]
    for name, model in models.items():
        axes.scatter(truth, model.predict(features["test"]["x"]), s=14, color=COLORS[name],
                     label=f"{name}: off by {errors[name]:.1f} on average")
    axes.plot([25, 350], [25, 350], color="grey", linewidth=1)
    axes.set_xlabel("progression after a year")
    axes.set_ylabel("predicted")
    axes.legend()
    figure.savefig(str(path), dpi=100, metadata={"Software": None})
