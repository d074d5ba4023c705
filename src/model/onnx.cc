#include "model/onnx.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "model/mewma.h"
#include "model/onnx_writer.h"
#include "model/predictor.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

using onnx::clamp;
using onnx::kRows;
using onnx::max;
using onnx::min;
using onnx::Shape;
using onnx::Tensor;
using onnx::Type;
using onnx::where;
using onnx::Writer;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What a detector says of all rows, before frozen inputs and frames with too many gaps count.
struct Said {
  Tensor score;             // [rows, 1]
  Tensor shares, expected;  // [rows, n]
};

// Writes what both methods have in common. What needs no past is computed for all rows at once; the
// recursions run in the body of a Scan, row by row.
class Exporter {
 public:
  Exporter(Writer& writer, std::size_t inputs, std::span<const double> initial_state)
      : w(writer), n(static_cast<std::int64_t>(inputs)) {
    const auto states = static_cast<std::int64_t>(initial_state.size() / inputs);
    frames = w.input("frames", Type::kReal, {kRows, n});
    state = w.input("state", Type::kReal, {states, n});
    w.constant(initial_state, {states, n}, "state");
    present = magnitude(frames) <= std::numeric_limits<double>::max();
    enough = onnx::sum(real(present)) >= static_cast<double>(n) / 2;
    gaps = both(!present, enough);
    values = where(present, frames, 0);
  }

  Tensor magnitude(const Tensor& a) { return w.node("Abs", {a}); }
  Tensor sign(const Tensor& a) { return w.node("Sign", {a}); }
  Tensor product(const Tensor& a, const Tensor& b) { return w.node("MatMul", {a, b}); }
  Tensor vector(std::span<const double> numbers) { return w.constant(numbers, {n}); }
  Tensor column(std::span<const double> numbers) { return w.constant(numbers, {n, 1}); }
  Tensor matrix(std::span<const double> numbers) { return w.constant(numbers, {n, n}); }
  Tensor transposed(std::span<const double> numbers) {
    return w.node("Transpose", {matrix(numbers)});
  }
  // [n] of the state.
  Tensor state_row(std::int64_t row) { return w.node("Gather", {state, index(row)}); }
  Tensor index(std::int64_t value) {
    return w.constant(std::span<const std::int64_t>(&value, 1), {});
  }

  // For how many frames each input has had its value; `taken`: those that count. To be called in a
  // Scan's body.
  struct Run {
    Tensor last, frames;
  };
  Run follow(const Run& run, const Tensor& value, const Tensor& taken) {
    const Tensor longer = where(w.node("Equal", {value, run.last}), run.frames + 1, 1);
    return {where(taken, value, run.last), where(taken, longer, run.frames)};
  }
  Tensor fill(const Tensor& x, const Tensor& gaps_of_row, const Tensor& precision);
  void finish(const Said& said, const Tensor& run, std::span<const double> frozen_frames,
              std::span<const double> expected_of_nothing, const std::vector<Tensor>& next_state);
  Said explain(const Tensor& score, const Tensor& deviation, std::span<const double> precision);

  Writer& w;
  const std::int64_t n;
  Tensor frames, state;  // the inputs
  Tensor present;        // [rows, n] bool
  Tensor enough;         // [rows, 1] bool: no more than half of the inputs are missing
  Tensor gaps;           // [rows, n] bool: to be filled in
  Tensor values;         // [rows, n], 0 where missing

 private:
  Tensor eliminate(const Tensor& x, const Tensor& gaps_of_row, const Tensor& precision);
};

// The rows of [P | P x] that are missing, reduced to the identity (Gauss-Jordan; P is positive
// definite, so that any order of pivots will do): the last column is then -x there
// (model/impute.h).
Tensor Exporter::eliminate(const Tensor& x, const Tensor& gaps_of_row, const Tensor& precision) {
  const std::int64_t one = 1;
  const Tensor axis = w.constant({&one, 1}, {1});
  const Tensor known = where(gaps_of_row, w.constant(0), x);
  const Tensor right = w.node("Unsqueeze", {product(precision, known), axis});
  const Tensor pivots = w.node("NonZero", {gaps_of_row});  // [1, gaps]
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) numbers[static_cast<std::size_t>(i)] = i;
  const Tensor all = w.constant(numbers, {n}), first = index(0);

  w.open("one_gap");
  const Tensor turn = w.input(w.unused("turn"), Type::kInteger, {});
  const Tensor go_on = w.input(w.unused("go_on"), Type::kBool, {});
  const Tensor table = w.input(w.unused("table"), Type::kReal, {n, n + 1});
  const Tensor pivot = w.node("Gather", {w.node("Gather", {pivots, first}), turn});
  const Tensor row = w.node("Gather", {table, pivot});
  const Tensor unit = real(w.node("Equal", {all, pivot}));
  const Tensor factors = w.node("Gather", {table, pivot}, {{"axis", 1}}) - unit;
  const Tensor scaled = row / max(w.node("Gather", {row, pivot}), 1e-300);
  const Tensor reduced = table - w.node("Unsqueeze", {factors, axis}) * scaled;
  w.output(w.node("Identity", {go_on}), Type::kBool, {});
  w.output(reduced, Type::kReal, {n, n + 1});
  const onnx::Message body = w.close();

  const Tensor start = w.node("Concat", {precision, right}, {{"axis", 1}});
  const Tensor end =
      w.node("Loop", {w.node("Size", {pivots}), Tensor{&w, ""}, start}, {{"body", 0, &body}});
  const Tensor negative = w.node("Gather", {end, index(n)}, {{"axis", 1}});
  return where(gaps_of_row, w.node("Neg", {negative}), x);
}

Tensor Exporter::fill(const Tensor& x, const Tensor& gaps_of_row, const Tensor& precision) {
  w.open("gaps");
  w.output(eliminate(x, gaps_of_row, precision), Type::kReal, {n});
  const onnx::Message some = w.close();
  w.open("no_gaps");
  w.output(w.node("Identity", {x}), Type::kReal, {n});
  const onnx::Message none = w.close();
  return w.node("If", {onnx::largest(real(gaps_of_row)) > 0},
                {{"then_branch", 0, &some}, {"else_branch", 0, &none}});
}

// Reconstruction-based contributions (model/mewma.h); `expected` is here what the deviation should
// have been.
Said Exporter::explain(const Tensor& score, const Tensor& deviation,
                       std::span<const double> precision) {
  std::vector<double> diagonal;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    diagonal.push_back(precision[i * static_cast<std::size_t>(n) + i]);
  const Tensor pull = product(deviation, matrix(precision));
  const Tensor correction = pull / vector(diagonal);
  return {score, where(present, pull * correction, 0), deviation - correction};
}

// A frozen input raises the score and is then its cause; too many gaps leave nothing to say.
void Exporter::finish(const Said& said, const Tensor& run, std::span<const double> frozen_frames,
                      std::span<const double> expected_of_nothing,
                      const std::vector<Tensor>& next_state) {
  std::vector<double> limits(frozen_frames.begin(), frozen_frames.end());
  for (double& limit : limits) limit = limit == 0 ? std::numeric_limits<double>::infinity() : limit;
  const Tensor ratio = where(present, run / vector(limits), 0);
  const Tensor frozen = real(ratio >= 1), count = onnx::sum(frozen);
  const Tensor worst = min(onnx::largest(ratio), kFrozenMost);
  const Tensor decides = both(count > 0, worst > said.score);
  const Tensor total = onnx::sum(said.shares);
  const Tensor shares = where(total > 0, said.shares / total, 0);

  const std::int64_t last = -1, first = 0;
  const Tensor score = where(enough, where(decides, worst, said.score), kUnknown);
  w.output(w.named("scores", w.node("Squeeze", {score, w.constant({&last, 1}, {1})})), Type::kReal,
           {kRows});
  w.output(w.named("shares", where(enough, where(decides, frozen / max(count, 1), shares), 0)),
           Type::kReal, {kRows, n});
  w.output(w.named("expected", where(enough, said.expected, vector(expected_of_nothing))),
           Type::kReal, {kRows, n});
  std::vector<Tensor> rows;
  for (const Tensor& row : next_state)
    rows.push_back(w.node("Unsqueeze", {row, w.constant({&first, 1}, {1})}));
  w.output(w.named("next_state", w.node("Concat", rows, {{"axis", 0}})), Type::kReal,
           {static_cast<std::int64_t>(rows.size()), n});
}

// Linear to ±kKnee and logarithmic beyond; and its inverse (model/mewma.h).
Tensor squash(Exporter& e, const Tensor& z) {
  const Tensor size = e.magnitude(z);
  const Tensor beyond = e.w.node("Log", {max(size, kKnee) / kKnee}) * kKnee;
  return e.sign(z) * (min(size, kKnee) + beyond);
}

Tensor unsquash(Exporter& e, const Tensor& z) {
  const Tensor size = e.magnitude(z);
  const Tensor beyond = e.w.node("Exp", {max(size, kKnee) / kKnee - 1});
  return e.sign(z) * min(size, kKnee) * beyond;
}

// What the recursions of a Mewma leave behind: each row's, and the last one's as state.
struct MewmaPast {
  Tensor deviation, quick, slow, run;  // [rows, n]
  std::vector<Tensor> next;
};

MewmaPast scan(Exporter& e, const Mewma& p, const Tensor& x, const Tensor& precision) {
  Writer& w = e.w;
  const Tensor z = squash(e, (x - e.vector(p.centre)) / e.vector(p.scale)) - e.vector(p.mean);
  const Tensor taken = both(e.present, e.enough);

  w.open("frame");
  std::vector<Tensor> past;
  for (const char* name : {"deviation", "quick", "slow", "last", "run"})
    past.push_back(w.input(w.unused(name), Type::kReal, {e.n}));
  const Tensor z_now = w.input(w.unused("z"), Type::kReal, {e.n});
  const Tensor x_now = w.input(w.unused("x"), Type::kReal, {e.n});
  const Tensor taken_now = w.input(w.unused("taken"), Type::kBool, {e.n});
  const Tensor gaps_now = w.input(w.unused("gaps"), Type::kBool, {e.n});
  const auto average = [&](const Tensor& old, const Tensor& now, double weight) {
    return where(taken_now, old + (now - old) * weight, old);
  };
  const Tensor deviation = e.fill(average(past[0], z_now, p.fast), gaps_now, precision);
  const Tensor quick = average(past[1], x_now, p.fast), slow = average(past[2], x_now, p.slow);
  const Exporter::Run run = e.follow({past[3], past[4]}, x_now, taken_now);
  for (const Tensor& state : {deviation, quick, slow, run.last, run.frames})
    w.output(state, Type::kReal, {e.n});
  for (const Tensor& row : {deviation, quick, slow, run.frames})
    w.output(w.node("Identity", {row}), Type::kReal, {e.n});
  const onnx::Message body = w.close();

  std::vector<Tensor> inputs;
  for (std::int64_t i = 0; i < 5; ++i) inputs.push_back(e.state_row(i));
  for (const Tensor& rows : {z, x, taken, e.gaps}) inputs.push_back(rows);
  auto out = w.nodes("Scan", inputs, 9, {{"body", 0, &body}, {"num_scan_inputs", 4}});
  return {out[5], out[6], out[7], out[8], {out.begin(), out.begin() + 5}};
}

void write(Writer& w, const Mewma& p) {
  const std::size_t n = p.inputs();
  std::vector<double> initial(5 * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    initial[n + i] = initial[2 * n + i] = p.middle[i];
    initial[3 * n + i] = kUnknown;
  }
  Exporter e(w, n, initial);
  const std::vector<double> p_matrix = precision(p);
  const MewmaPast past = scan(e, p, clamp(e.values, kMostValue), e.matrix(p_matrix));

  const Tensor whitened = e.product(past.deviation, e.transposed(p.whiten));
  const Tensor pattern = w.node("Sqrt", {onnx::sum(whitened * whitened)});
  const Tensor middle = e.vector(p.middle), quick = past.quick - middle, slow = past.slow - middle;
  const Tensor off = min(e.magnitude(quick), e.magnitude(slow)) / e.vector(p.tolerance);
  const Tensor levels = where(both(e.present, quick * slow > 0), off, 0);
  const Tensor pattern_share = pattern / p.pattern.at,
               level_share = onnx::largest(levels) / p.level.at;
  const Tensor alarm = max(pattern_share, level_share), alarming = alarm >= kAlarmBand;
  const Tensor rank = pattern * kAlarmBand / (pattern + kRankHalf);

  Said said = e.explain(where(alarming, min(alarm, 1e6), rank), past.deviation, p_matrix);
  const Tensor z = clamp(said.expected + e.vector(p.mean), 100);
  const Tensor by_pattern = e.vector(p.centre) + unsquash(e, z) * e.vector(p.scale);
  const Tensor by_level = both(alarming, level_share > pattern_share);
  said.shares = where(by_level, min(levels * levels, 1e12), said.shares);
  said.expected = where(by_level, middle, by_pattern);
  e.finish(said, past.run, p.frozen_frames, p.middle, past.next);
}

// Each row's average and run, and the last one's as state.
struct T2qPast {
  Tensor average, run;  // [rows, n]
  std::vector<Tensor> next;
};

T2qPast scan(Exporter& e, const T2q& p, const Tensor& phi) {
  Writer& w = e.w;
  const Tensor z = clamp((e.values - e.vector(p.centre)) / e.vector(p.scale), kClip);

  w.open("frame");
  const Tensor average_before = w.input(w.unused("average"), Type::kReal, {e.n});
  const Tensor last = w.input(w.unused("last"), Type::kReal, {e.n});
  const Tensor frames = w.input(w.unused("run"), Type::kReal, {e.n});
  const Tensor z_now = w.input(w.unused("z"), Type::kReal, {e.n});
  const Tensor x_now = w.input(w.unused("x"), Type::kReal, {e.n});
  const Tensor present_now = w.input(w.unused("present"), Type::kBool, {e.n});
  const Tensor gaps_now = w.input(w.unused("gaps"), Type::kBool, {e.n});
  const Tensor enough_now = w.input(w.unused("enough"), Type::kBool, {1});
  const Tensor filled = clamp(e.fill(z_now, gaps_now, phi), kClip);
  const Tensor average =
      where(enough_now, average_before + (filled - average_before) * p.smoothing, average_before);
  const Exporter::Run run = e.follow({last, frames}, x_now, present_now);
  for (const Tensor& state : {average, run.last, run.frames}) w.output(state, Type::kReal, {e.n});
  for (const Tensor& row : {average, run.frames})
    w.output(w.node("Identity", {row}), Type::kReal, {e.n});
  const onnx::Message body = w.close();

  std::vector<Tensor> inputs;
  for (std::int64_t i = 0; i < 3; ++i) inputs.push_back(e.state_row(i));
  for (const Tensor& rows : {z, e.values, e.present, e.gaps, e.enough}) inputs.push_back(rows);
  auto out = w.nodes("Scan", inputs, 5, {{"body", 0, &body}, {"num_scan_inputs", 5}});
  return {out[3], out[4], {out.begin(), out.begin() + 3}};
}

void write(Writer& w, const T2q& p) {
  const std::size_t n = p.inputs();
  std::vector<double> initial(3 * n, 0);
  for (std::size_t i = 0; i < n; ++i) initial[n + i] = kUnknown;
  Exporter e(w, n, initial);
  const std::vector<double> phi = combined_index(p);
  const T2qPast past = scan(e, p, e.matrix(phi));

  std::vector<double> precisions, beyond;  // of each component; whether it is not kept
  for (std::size_t j = 0; j < n; ++j) {
    precisions.push_back(1 / p.variances[j]);
    beyond.push_back(j >= p.kept);
  }
  const Tensor components = e.product(past.average, e.transposed(p.vectors));
  const Tensor squares = components * components;
  const Tensor t2 = e.product(squares, e.column(precisions));
  const Tensor q = e.product(squares, e.column(beyond));
  const Tensor score = w.node("Sqrt", {max(t2 / p.t2_limit, q / p.q_limit)});
  Said said = e.explain(score, past.average, phi);
  said.expected = e.vector(p.centre) + said.expected * e.vector(p.scale);
  e.finish(said, past.run, p.frozen_frames, p.centre, past.next);
}

std::string json_text(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string inputs_text(const Model& model) {
  std::string out = "[";
  for (const Input& input : model.inputs) {
    out += (out.size() > 1 ? ", " : "") + std::string("{\"name\": ") + json_text(input.datastream) +
           ", \"unit\": " + json_text(input.unit) + "}";
  }
  return out + "]";
}

}  // namespace

base::Result<base::Bytes> to_onnx(const Model& model) {
  LANDER_ASSIGN(const Kind kind, kind_of(model));
  if (kind != Kind::kDetector) {
    return base::Error(base::Code::kUnsupported,
                       "model: kind " + model.lineage.method +
                           " has no ONNX form: it predicts from statistics of a whole past or of "
                           "waves, which the export does not write; a detector has one");
  }
  LANDER_TRY(make_detector(model));
  Writer writer(model.lineage.method);
  if (model.lineage.method == "mewma") {
    LANDER_ASSIGN(const Mewma parameters, decode_mewma(model.body));
    write(writer, parameters);
  } else {
    LANDER_ASSIGN(const T2q parameters, decode_t2q(model.body));
    write(writer, parameters);
  }
  const std::pair<std::string, std::string> metadata[] = {
      {"method", model.lineage.method},
      {"digest", digest(encode(model))},
      {"inputs", inputs_text(model)},
      {"interval_us", std::to_string(model.interval)},
      {"false_alarms_per_day", number_text(model.false_alarms_per_day)},
      {"limit", "1"},
  };
  return writer.model(
      "Scores of what is unusual; 1 is the limit of the false-alarm budget. frames: a row each, "
      "NaN = missing; state: next_state of the call before, or nothing.",
      metadata);
}

}  // namespace lander::model
