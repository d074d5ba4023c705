// A detector as an ONNX model that opens in Netron and runs in ONNX Runtime, so that nobody is
// locked in: docs/intelligence/onnx.md.
//
// Inputs
//   frames [rows, n]  double, in the order and units of Model::inputs; NaN = missing
//   state [k, n]      double, optional: next_state of the call before; without: as after reset()
// Outputs
//   scores [rows]             Score::score; NaN where it is not valid: too much is missing
//   shares, expected [rows, n]
//   next_state [k, n]
// They equal the detector's up to rounding, gaps and frozen inputs included. The model's digest,
// method, inputs and budget are in the file's metadata.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "model/model.h"

namespace lander::model {

// The same model gives the same bytes. kUnsupported: a model that predicts, or a method that has no
// ONNX form, with the reason; other errors as of make_detector().
base::Result<base::Bytes> to_onnx(const Model& model);

}  // namespace lander::model
