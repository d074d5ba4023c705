"""Lander on DataFrames: learn what is normal, detect what is not, predict what remains.

    import lander
    scores = lander.detect(df)                          # learns as it goes, from the past only
    model = lander.learn([monday, tuesday], ignore=["anomaly"])
    scores = model.detect(wednesday)                    # score, alarm, change, cause: one row each
    scores[scores.alarm].cause

The same as the commands `lander learn`, `detect` and `predict`, which do the work: pandas and polars frames, or
paths of CSV files. docs/guides/files.md tells more.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

__all__ = ["Error", "Model", "learn", "detect", "predict"]
__version__ = "0.1.0"


class Error(Exception):
    """What the program said; `code` is its kind ("invalid", "not-found", ..), or None."""

    def __init__(self, message, code=None):
        super().__init__(message)
        self.code = code


class Model:
    """A model file in memory. `info` tells what it was made of; `summary` what `learn` said."""

    def __init__(self, data, summary=None):
        self.data = bytes(data)
        self.summary = summary or {}

    @classmethod
    def load(cls, path):
        return cls(pathlib.Path(path).read_bytes())

    def save(self, path):
        pathlib.Path(path).write_bytes(self.data)

    @property
    def info(self):
        with _folder() as folder:
            return json.loads(_run(["model", "show", _model_file(self, folder), "--json"], folder))

    def card(self):
        """The model card, as Markdown."""
        with _folder() as folder:
            return _run(["model", "show", "--card", _model_file(self, folder)], folder)

    def detect(self, data, **options):
        return detect(data, self, **options)

    def predict(self, data, **options):
        return predict(data, self, **options)

    def __repr__(self):
        return f"lander.Model({len(self.data)} bytes)"


def learn(data, *, kind="normal", unit=None, time=None, label=None, ignore=(), false_alarms=None, interval=None):
    """A Model of one frame, or of several, each of which is one run.

    kind "life" needs `unit` and `time`, kind "class" needs `label`: names of columns.
    """
    frames = list(data) if isinstance(data, (list, tuple)) else [data]
    with _folder() as folder:
        files = [_csv_file(frame, folder, f"run{i + 1}") for i, frame in enumerate(frames)]
        out = folder / "model"
        options = _options(ignore=ignore, time=time, unit=unit, label=label, interval=interval)
        if false_alarms is not None:
            options += ["--false-alarms", str(false_alarms)]
        summary = json.loads(_run(["learn", *files, "-o", out, "--kind", kind, "--json", *options], folder))
        return Model(out.read_bytes(), summary)


def detect(data, model=None, *, ignore=(), time=None, false_alarms=None, interval=None, plot=None):
    """A frame of score, alarm, change and cause, one row for each of `data`, in its order.

    With pandas it has the index of `data`, and its `attrs` hold what the program said of the whole.
    """
    with _folder() as folder:
        options = _options(ignore=ignore, time=time, interval=interval, plot=plot)
        if model is not None:
            options += ["-m", _model_file(model, folder)]
        if false_alarms is not None:
            options += ["--false-alarms", str(false_alarms)]
        out = folder / "scores.csv"
        summary = json.loads(_run(["detect", _csv_file(data, folder, "data"), "-o", out, "--json", *options], folder))
        return _result(data, out, summary, texts=("cause",), flags=("alarm", "change"))


def predict(data, model, *, ignore=(), time=None, plot=None):
    """Remaining life as prediction, low, high; or class as prediction, probability."""
    with _folder() as folder:
        options = _options(ignore=ignore, time=time, plot=plot)
        out = folder / "predictions.csv"
        summary = json.loads(_run(["predict", _csv_file(data, folder, "data"), "-m", _model_file(model, folder),
                                   "-o", out, "--json", *options], folder))
        texts = ("prediction",) if summary["kind"] == "class" else ()
        return _result(data, out, summary, texts=texts, flags=())


def program():
    """The path of the program: $LANDER, the one that was installed with this package, or one on PATH."""
    given = os.environ.get("LANDER")
    bundled = pathlib.Path(__file__).parent / "bin" / "lander"
    found = given or (str(bundled) if bundled.exists() else shutil.which("lander"))
    if not found:
        raise Error("the program `lander` is not found: install with `pip install ./python` after `./dev build`, "
                    "or set LANDER to its path")
    return found


def _run(arguments, folder):
    """What the program prints; files of ours are called by their names alone, as the caller knows no folder."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.replace(f"{folder}/", "")
    text, code = done.stderr.strip().replace(f"{folder}/", ""), None
    with contextlib.suppress(ValueError, TypeError, KeyError):
        told = json.loads(text)
        text, code = told["detail"], told.get("code")
    raise Error(text or f"lander ended with status {done.returncode}", code)


@contextlib.contextmanager
def _folder():
    with tempfile.TemporaryDirectory(prefix="lander-") as folder:
        yield pathlib.Path(folder)


def _options(**given):
    options = []
    for name, value in given.items():
        if isinstance(value, str) or value is not None and not hasattr(value, "__iter__"):
            value = [value]
        for one in value or ():
            options += ["--" + name, str(one)]
    return options


def _library(data):
    """"pandas", "polars", or "" for a path."""
    for kind in type(data).__mro__:
        name = kind.__module__.split(".")[0]
        if name in ("pandas", "polars"):
            return name
    if isinstance(data, (str, os.PathLike)):
        return ""
    raise TypeError(f"expected a pandas or polars DataFrame, or the path of a CSV file, not {type(data).__name__}")


def _named(columns):
    """Refuses columns that are all called by numbers: the program would take them for a first row of values."""
    with contextlib.suppress(ValueError, TypeError):
        for column in columns:
            float(column)
        raise Error("columns are called by numbers, as pandas does without a header: give them names "
                    "(df.columns = [...]), or pass the file's path")


def _csv_file(data, folder, name):
    path = folder / (name + ".csv")
    library = _library(data)
    if not library:
        return data
    if library == "polars":
        import polars
        _named(data.columns)
        data.with_columns(polars.col(polars.Boolean).cast(polars.Int8)).write_csv(path)
        return path
    import pandas
    if isinstance(data, pandas.Series):
        data = data.to_frame(data.name or "value")
    flags = data.select_dtypes("bool").columns
    if len(flags):
        data = data.astype({column: "int8" for column in flags})
    times = isinstance(data.index, pandas.DatetimeIndex)
    if not times:
        _named(data.columns)
    label = data.index.name if times and data.index.name not in (None, *data.columns) else "time"
    data.to_csv(path, index=times, index_label=label if times else None)
    return path


def _model_file(model, folder):
    if not isinstance(model, Model):
        return model
    path = folder / "model.lander"
    path.write_bytes(model.data)
    return path


def _result(data, out, summary, texts, flags):
    if _library(data) == "polars":
        import polars
        kinds = {name: polars.String for name in ("time", *texts)}
        if flags:
            kinds["score"] = polars.Float64
        frame = polars.read_csv(out, schema_overrides=kinds)
        return frame.with_columns(*(polars.col(name).fill_null("") for name in texts),
                                  *(polars.col(name).cast(polars.Boolean) for name in flags))
    import pandas
    frame = pandas.read_csv(out, dtype={name: str for name in ("time", *texts)},
                            keep_default_na=False, na_values={"score": ["nan"]})
    frame = frame.astype({name: bool for name in flags})
    if _library(data):
        frame.index = data.index
        if isinstance(data.index, pandas.DatetimeIndex):
            frame = frame.drop(columns=[name for name in ("time",) if name in frame])
    frame.attrs.update(summary)
    return frame
