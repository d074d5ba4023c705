"""The package in python/ on pandas and polars frames; run by files.py in a Python that has both."""

import numpy
import pandas
import polars

import lander

rng = numpy.random.default_rng(1)


def pump(rows, fault=None):
    t = numpy.arange(rows)
    load = numpy.sin(t / 60) + 0.3 * numpy.sin(t / 17)
    flow = 80 + 8 * load + rng.normal(0, 0.6, rows)
    if fault is not None:
        flow[fault:] -= 20
    return pandas.DataFrame({"pressure": 5 + load + rng.normal(0, 0.05, rows), "flow": flow,
                             "current": 12 + 2 * load + rng.normal(0, 0.1, rows)},
                            index=pandas.date_range("2024-05-01", periods=rows, freq="s", tz="Europe/Oslo"))


healthy = [pump(2000), pump(2500)]
model = lander.learn(healthy)
assert model.summary["rows"] == 4500 and [i["datastream"] for i in model.info["inputs"]] == ["pressure", "flow", "current"]
assert model.card().startswith("# Model card")

faulty = pump(900, fault=600)
scores = model.detect(faulty)
assert scores.index.equals(faulty.index) and list(scores.columns) == ["score", "alarm", "change", "cause"]
assert scores.alarm.dtype == bool and not scores.alarm[:600].any() and scores.alarm[610:].all()
assert scores[scores.alarm].cause.iloc[-1].split(";")[0] == "flow"
assert scores.attrs["alarms"] == 1

numbered = faulty.reset_index(drop=True)
numbered["label"] = "x"
plain = lander.detect(numbered, ignore=["label"])
assert len(plain) == 900 and plain.index.equals(numbered.index) and plain.time.iloc[-1] == "900"

frame = polars.from_pandas(faulty.reset_index(names="time"))
same = lander.detect(frame, model)
assert isinstance(same, polars.DataFrame) and same.height == 900
assert numpy.allclose(same["score"].to_numpy(), scores.score.to_numpy(), rtol=1e-5)

try:
    lander.detect(pandas.DataFrame({"a": [1.0, 2.0]}), model)
except lander.Error as error:
    assert "are not in it" in str(error) and error.code == "invalid", (str(error), error.code)
else:
    raise AssertionError("a model of other sensors was taken")

try:
    lander.detect(pandas.DataFrame(numpy.zeros((9, 2))))
except lander.Error as error:
    assert "called by numbers" in str(error), str(error)
else:
    raise AssertionError("a frame without names lost its first row")
