// Model::body of method "life": docs/formats/model.md.
#include <cmath>

#include "base/cbor.h"
#include "model/life.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kVersion = 1, kFields = 17;
constexpr double kMostNumber = 1e12;
constexpr std::size_t kMaxKnots = 64, kMaxName = 256;

base::Error invalid(const std::string& what) {
  return base::Error(base::Code::kInvalid, "life parameters: " + what);
}

bool usable(const std::vector<double>& values, double least, double most) {
  for (const double value : values) {
    if (!(value >= least && value <= most)) return false;
  }
  return true;
}

base::Status check_numbers(const LifePlan& plan, const std::vector<std::uint32_t>& numbers) {
  std::vector<std::uint8_t> seen(plan.inputs);
  for (const std::uint32_t number : numbers) {
    if (number >= plan.inputs || seen[number]++ != 0) {
      return invalid("input " + std::to_string(number) + " out of range or named twice");
    }
  }
  return {};
}

base::Status check_plan(const LifePlan& plan) {
  const std::size_t s = plan.sensors.size(), r = plan.regimes(), n = plan.settings.size();
  if (plan.inputs < 1 || plan.inputs > kMaxInputs) return invalid("number of inputs out of range");
  if (s < 1 || s > kMaxLifeSensors) return invalid("number of sensors out of range");
  LANDER_TRY(check_numbers(plan, plan.sensors));
  LANDER_TRY(check_numbers(plan, plan.settings));
  if (r < 1 || r > kMaxLifeRegimes || plan.mean.size() != r * s || plan.scale.size() != r * s ||
      plan.centres.size() != (n == 0 ? 0 : r * n) || plan.reach.size() != n || (n == 0 && r != 1)) {
    return invalid("regimes and their means do not fit");
  }
  if (plan.indices() > kMaxLifeIndices || plan.health.size() != plan.indices() * s) {
    return invalid("health indices do not fit the sensors");
  }
  if (!usable(plan.mean, -1e30, 1e30) || !usable(plan.scale, 1e-30, 1e30) ||
      !usable(plan.centres, -1e30, 1e30) || !usable(plan.reach, 1e-30, 1e30) ||
      !usable(plan.health, -1e9, 1e9)) {
    return invalid("a number out of range");
  }
  if (plan.window.size() != kLifeWindows || plan.window.front() < 1 ||
      plan.window.back() > kMaxLifeWindow) {
    return invalid("windows out of range");
  }
  for (std::size_t i = 1; i < kLifeWindows; ++i) {
    if (plan.window[i] < plan.window[i - 1]) return invalid("windows that do not ascend");
  }
  return {};
}

}  // namespace

base::Status validate(const Life& life) {
  LANDER_TRY(check_plan(life.plan));
  LANDER_TRY(validate(life.trees));
  if (life.trees.outputs != 1 || life.trees.features != life.plan.features()) {
    return invalid("trees over other features");
  }
  if (!(life.cap > 0 && life.cap <= kMostNumber && life.trust > 0 && life.trust <= 1 &&
        std::abs(life.earlier) <= life.cap)) {
    return invalid("cap, trust or earlier out of range");
  }
  const std::size_t n = life.knots.size();
  if (n < 2 || n > kMaxKnots || life.low.size() != n || life.high.size() != n ||
      !usable(life.knots, 0, life.cap) || !usable(life.low, 0, life.cap) ||
      !usable(life.high, 0, life.cap)) {
    return invalid("intervals out of range");
  }
  for (std::size_t i = 1; i < n; ++i) {
    if (!(life.knots[i] > life.knots[i - 1])) return invalid("knots that do not ascend");
  }
  return {};
}

namespace {

void write(base::CborWriter& out, std::uint64_t key, const std::vector<double>& values) {
  out.unsigned_integer(key).array(values.size());
  for (const double value : values) out.real(value);
}
void write(base::CborWriter& out, std::uint64_t key, const std::vector<std::uint32_t>& values) {
  out.unsigned_integer(key).array(values.size());
  for (const std::uint32_t value : values) out.unsigned_integer(value);
}

// Reads one fixed shape; after the first mistake every read is skipped and `status` tells it.
class Reader {
 public:
  explicit Reader(base::ByteView data) : in_(data) {}
  base::Status status;

  template <class T>
  T take(base::Result<T> result) {
    if (!status.ok()) return T{};
    if (result.ok()) return *result;
    status = result.error().context("life parameters");
    return T{};
  }
  void key(std::uint64_t number) {
    const std::uint64_t found = status.ok() ? take(in_.unsigned_integer()) : 0;
    if (status.ok() && found != number) {
      status =
          base::Error(base::Code::kCorrupt, "life parameters: field " + std::to_string(found) +
                                                " where " + std::to_string(number) + " is due");
    }
  }
  std::uint64_t number() { return status.ok() ? take(in_.unsigned_integer()) : 0; }
  double real() { return status.ok() ? take(in_.real()) : 0; }
  void fields() {
    const std::uint64_t found = take(in_.map());
    if (status.ok() && found != kFields) {
      status = base::Error(base::Code::kCorrupt,
                           "life parameters: not a map of " + std::to_string(kFields));
    }
  }
  std::string text() { return take(status.ok() ? in_.text_of(0, kMaxName) : std::string()); }
  base::ByteView bytes() { return status.ok() ? take(in_.bytes()) : base::ByteView(); }
  void list(std::vector<double>& values) {
    const std::uint64_t length = status.ok() ? take(in_.array()) : 0;
    for (std::uint64_t i = 0; i < length && status.ok(); ++i) values.push_back(real());
  }
  void list(std::vector<std::uint32_t>& values) {
    const std::uint64_t length = status.ok() ? take(in_.array()) : 0;
    for (std::uint64_t i = 0; i < length && status.ok(); ++i) {
      values.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(number(), UINT32_MAX)));
    }
  }
  void end() {
    if (status.ok()) status = in_.end();
  }

 private:
  base::CborReader in_;
};

}  // namespace

base::Bytes encode(const Life& life) {
  const LifePlan& plan = life.plan;
  base::CborWriter out;
  out.map(kFields);
  out.unsigned_integer(0).unsigned_integer(kVersion);
  out.unsigned_integer(1).text(life.roles.unit);
  out.unsigned_integer(2).text(life.roles.time);
  out.unsigned_integer(3).unsigned_integer(plan.inputs);
  write(out, 4, plan.settings);
  write(out, 5, plan.reach);
  write(out, 6, plan.centres);
  write(out, 7, plan.sensors);
  write(out, 8, plan.mean);
  write(out, 9, plan.scale);
  write(out, 10, plan.health);
  write(out, 11, plan.window);
  write(out, 12, std::vector<double>{life.cap, life.trust, life.earlier});
  write(out, 13, life.knots);
  write(out, 14, life.low);
  write(out, 15, life.high);
  out.unsigned_integer(16).bytes(encode(life.trees));
  return out.take();
}

base::Result<Life> decode_life(base::ByteView body) {
  Reader in(body);
  Life life;
  LifePlan& plan = life.plan;
  in.fields();
  in.key(0);
  if (const std::uint64_t version = in.number(); in.status.ok() && version != kVersion) {
    return base::Error(base::Code::kUnsupported,
                       "life parameters of version " + std::to_string(version) + ", known is 1");
  }
  in.key(1), life.roles.unit = in.text();
  in.key(2), life.roles.time = in.text();
  in.key(3), plan.inputs = static_cast<std::size_t>(in.number());
  in.key(4), in.list(plan.settings);
  in.key(5), in.list(plan.reach);
  in.key(6), in.list(plan.centres);
  in.key(7), in.list(plan.sensors);
  in.key(8), in.list(plan.mean);
  in.key(9), in.list(plan.scale);
  in.key(10), in.list(plan.health);
  in.key(11), in.list(plan.window);
  std::vector<double> three;
  in.key(12), in.list(three);
  in.key(13), in.list(life.knots);
  in.key(14), in.list(life.low);
  in.key(15), in.list(life.high);
  in.key(16);
  const base::ByteView trees = in.bytes();
  in.end();
  LANDER_TRY(in.status);
  if (three.size() != 3) return invalid("cap, trust and earlier are due");
  life.cap = three[0], life.trust = three[1], life.earlier = three[2];
  LANDER_ASSIGN(life.trees, decode_trees(trees));
  LANDER_TRY(validate(life));
  return life;
}

}  // namespace lander::model
