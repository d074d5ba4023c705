// A detector as an ONNX model that opens in Netron and runs in ONNX Runtime with equal scores:
// nobody is locked in. Inputs `frame` [n] and `state` [..]; outputs `score`, `shares`,
// `next_state`.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "model/model.h"

namespace lander::model {

// kUnsupported: a method that has no ONNX form, with the reason.
base::Result<base::Bytes> to_onnx(const Model& model);

}  // namespace lander::model
