"""Runs an exported detector on frames in ONNX Runtime, in two calls, the second from the state that the first
one left.

    python run.py MODEL.onnx ROWS < FRAMES > OUTPUTS

FRAMES is the rows' doubles, raw; the first call gets ROWS of them. OUTPUTS is the raw doubles of scores,
shares and expected of all rows. First the model must pass ONNX's own checker.
"""

import sys

import numpy
import onnx
import onnxruntime

path, first = sys.argv[1], int(sys.argv[2])
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options)
inputs = session.get_inputs()
assert [i.name for i in inputs] == ["frames"], "state must be optional"
frames = numpy.frombuffer(sys.stdin.buffer.read()).reshape(-1, inputs[0].shape[1])
names = ["scores", "shares", "expected", "next_state"]
begin = session.run(names, {"frames": frames[:first]})
end = session.run(names, {"frames": frames[first:], "state": begin[3]})
for one, two in zip(begin[:3], end[:3]):
    sys.stdout.buffer.write(numpy.concatenate([one, two]).tobytes())
