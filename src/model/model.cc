// The model file: docs/formats/model.md.
#include "model/model.h"

#include <algorithm>
#include <cmath>

#include "base/cbor.h"
#include "crypto/crypto.h"
#include "model/mewma.h"
#include "model/predictor.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

constexpr std::string_view kMagic = "LANDMDL1";
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kMaxText = 512;
constexpr std::size_t kMaxMetrics = 64;
constexpr base::TimeUs kFarthestTime = 1LL << 61;  // two of them apart are still a duration

base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "model file: " + what);
}

void write(base::CborWriter& out, const Lineage& lineage) {
  out.map(11);
  out.unsigned_integer(0).text(lineage.parent);
  out.unsigned_integer(1).text(lineage.method);
  out.unsigned_integer(2).text(lineage.asset);
  out.unsigned_integer(3).integer(lineage.created);
  out.unsigned_integer(4).integer(lineage.trained_from);
  out.unsigned_integer(5).integer(lineage.trained_to);
  out.unsigned_integer(6).integer(lineage.rows);
  out.unsigned_integer(7).integer(lineage.rows_left_out);
  out.unsigned_integer(8).text(lineage.labels_digest);
  out.unsigned_integer(9).array(lineage.metrics.size());
  for (const Metric& metric : lineage.metrics) out.array(2).text(metric.name).real(metric.value);
  out.unsigned_integer(10).text(lineage.trained_by);
}

// Reads one fixed shape; after the first mistake every read is skipped and `status` tells it.
class Reader {
 public:
  explicit Reader(base::ByteView data) : in_(data) {}

  void map(std::uint64_t pairs) { expect(in_.map(), pairs, "pairs"); }
  void key(std::uint64_t number) { expect(in_.unsigned_integer(), number, "the next key"); }
  std::size_t array(std::uint64_t least, std::uint64_t most) {
    const std::uint64_t length = take(in_.array(), std::uint64_t{0});
    if (status.ok() && (length < least || length > most)) fail("a list of the wrong length");
    return status.ok() ? static_cast<std::size_t>(length) : 0;
  }
  std::string text() {
    const std::string_view view = take(in_.text(), std::string_view());
    if (view.size() > kMaxText) fail("a text over 512 bytes");
    return status.ok() ? std::string(view) : std::string();
  }
  std::int64_t integer(std::int64_t least) {
    const std::int64_t value = take(in_.integer(), std::int64_t{0});
    if (status.ok() && value < least) fail("an integer out of range");
    return value;
  }
  double real() {
    const double value = take(in_.real(), 0.0);
    if (!std::isfinite(value)) fail("a number that is not finite");
    return value;
  }
  base::Bytes bytes() {
    const base::ByteView view = take(in_.bytes(), base::ByteView());
    return {view.begin(), view.end()};
  }
  void end() {
    if (status.ok()) status = in_.end();
  }

  base::Status status;

 private:
  template <class T>
  T take(base::Result<T> result, T fallback) {
    if (!status.ok()) return fallback;
    if (result.ok()) return *result;
    status = result.error().context("model file");
    return fallback;
  }
  void expect(base::Result<std::uint64_t> found, std::uint64_t wanted, const char* what) {
    const std::uint64_t value = take(std::move(found), wanted);
    if (status.ok() && value != wanted) fail(what);
  }
  void fail(const std::string& what) {
    if (status.ok()) {
      status = corrupt("at byte " + std::to_string(in_.offset()) + ": unexpected " + what);
    }
  }
  base::CborReader in_;
};

Lineage read_lineage(Reader& in) {
  Lineage lineage;
  in.map(11);
  in.key(0), lineage.parent = in.text();
  in.key(1), lineage.method = in.text();
  in.key(2), lineage.asset = in.text();
  in.key(3), lineage.created = in.integer(INT64_MIN);
  in.key(4), lineage.trained_from = in.integer(INT64_MIN);
  in.key(5), lineage.trained_to = in.integer(INT64_MIN);
  in.key(6), lineage.rows = in.integer(0);
  in.key(7), lineage.rows_left_out = in.integer(0);
  in.key(8), lineage.labels_digest = in.text();
  in.key(9);
  const std::size_t metrics = in.array(0, kMaxMetrics);
  for (std::size_t i = 0; i < metrics && in.status.ok(); ++i) {
    in.array(2, 2);
    Metric metric;
    metric.name = in.text();
    metric.value = in.real();
    lineage.metrics.push_back(std::move(metric));
  }
  in.key(10), lineage.trained_by = in.text();
  return lineage;
}

Input read_input(Reader& in) {
  Input input;
  in.array(6, 6);
  input.datastream = in.text();
  input.revision = static_cast<std::uint32_t>(std::min<std::int64_t>(in.integer(1), UINT32_MAX));
  input.property = in.text();
  input.unit = in.text();
  input.least = in.real();
  input.most = in.real();
  return input;
}

base::Status read_model(Reader& in, Model& model) {
  in.map(5);
  in.key(0);
  const std::size_t inputs = in.array(1, kMaxInputs);
  for (std::size_t i = 0; i < inputs && in.status.ok(); ++i) model.inputs.push_back(read_input(in));
  in.key(1), model.lineage = read_lineage(in);
  in.key(2), model.interval = in.integer(1);
  in.key(3), model.false_alarms_per_day = in.real();
  in.key(4), model.body = in.bytes();
  in.end();
  LANDER_TRY(in.status);
  for (const base::TimeUs time :
       {model.lineage.created, model.lineage.trained_from, model.lineage.trained_to}) {
    if (time < -kFarthestTime || time > kFarthestTime) return corrupt("a time out of range");
  }
  if (model.interval > base::kDay) return corrupt("an interval of over a day");
  if (!(model.false_alarms_per_day > 0))
    return corrupt("a false-alarm budget that is not positive");
  return {};
}

}  // namespace

base::Bytes encode(const Model& model) {
  base::CborWriter out;
  out.map(5);
  out.unsigned_integer(0).array(model.inputs.size());
  for (const Input& input : model.inputs) {
    out.array(6).text(input.datastream).unsigned_integer(input.revision).text(input.property);
    out.text(input.unit).real(input.least).real(input.most);
  }
  write(out.unsigned_integer(1), model.lineage);
  out.unsigned_integer(2).integer(model.interval);
  out.unsigned_integer(3).real(model.false_alarms_per_day);
  out.unsigned_integer(4).bytes(model.body);

  const base::ByteView magic = base::as_bytes(kMagic);
  base::Bytes file;
  file.reserve(magic.size() + out.out().size() + kDigestBytes);
  file.insert(file.end(), magic.begin(), magic.end());
  file.insert(file.end(), out.out().begin(), out.out().end());
  const crypto::Digest sum = crypto::sha256(file);
  file.insert(file.end(), sum.begin(), sum.end());
  return file;
}

base::Result<Model> decode_model(base::ByteView bytes) {
  if (bytes.size() > kMaxModelBytes) return corrupt("over 16 MiB");
  if (bytes.size() < kMagic.size() + kDigestBytes) {
    return corrupt("only " + std::to_string(bytes.size()) + " bytes");
  }
  if (base::as_text(bytes.first(kMagic.size())) != kMagic) {
    return corrupt("does not start with " + std::string(kMagic) + ": this is no model");
  }
  const base::ByteView content = bytes.first(bytes.size() - kDigestBytes);
  const crypto::Digest sum = crypto::sha256(content);
  if (!std::equal(sum.begin(), sum.end(), bytes.last(kDigestBytes).begin())) {
    return corrupt("its SHA-256 does not fit: it was damaged or changed; fetch it again");
  }
  Reader in(content.subspan(kMagic.size()));
  Model model;
  LANDER_TRY(read_model(in, model));
  return model;
}

std::string digest(base::ByteView encoded) { return crypto::sha256_hex(encoded); }

namespace {

base::Status same_inputs(const Model& model, std::size_t inputs) {
  if (inputs == model.inputs.size()) return {};
  return base::Error(base::Code::kInvalid, "model: " + std::to_string(model.inputs.size()) +
                                               " inputs named, but " + std::to_string(inputs) +
                                               " in its parameters");
}

}  // namespace

base::Result<std::unique_ptr<Detector>> make_detector(const Model& model,
                                                      double false_alarms_per_day) {
  if (!std::isfinite(false_alarms_per_day) || false_alarms_per_day < 0) {
    return base::Error(base::Code::kInvalid, "the false-alarm budget must be a positive number");
  }
  LANDER_ASSIGN(const Kind kind, kind_of(model));
  if (kind != Kind::kDetector) {
    return base::Error(base::Code::kInvalid, "model: of kind " + model.lineage.method +
                                                 ", which predicts and does not detect");
  }
  if (model.lineage.method == "mewma") {
    LANDER_ASSIGN(Mewma parameters, decode_mewma(model.body));
    LANDER_TRY(same_inputs(model, parameters.inputs()));
    const double e_folds = false_alarms_per_day > 0 ? std::log(model.false_alarms_per_day) -
                                                          std::log(false_alarms_per_day)
                                                    : 0;
    return std::unique_ptr<Detector>(
        std::make_unique<MewmaDetector>(std::move(parameters), e_folds));
  }
  if (model.lineage.method == "t2q") {
    LANDER_ASSIGN(T2q parameters, decode_t2q(model.body));
    LANDER_TRY(same_inputs(model, parameters.inputs()));
    return std::unique_ptr<Detector>(std::make_unique<T2qDetector>(std::move(parameters)));
  }
  return base::Error(base::Code::kUnsupported, "model method \"" + model.lineage.method +
                                                   "\" is not known; known are: mewma, t2q");
}

}  // namespace lander::model
