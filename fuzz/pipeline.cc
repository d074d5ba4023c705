// An app.yaml from anywhere: refused with a place, or a pipeline that takes whatever sensors say.
#include "stream/pipeline.h"

#include <limits>

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const auto yaml = base::Yaml::parse(base::as_text({data, size}), "app.yaml");
  if (!yaml.ok()) return 0;
  const auto spec = stream::Spec::parse(*yaml);
  if (!spec.ok()) return 0;
  std::map<std::string, stream::BoundPort> ports;
  sensing::SeriesKey series = 0;
  for (const stream::Port& port : (*spec)->ports()) {
    ports[port.name] = {++series, port.name, port.unit, "a/b"};
  }
  auto pipeline = stream::Pipeline::make(*spec, ports);
  LANDER_CHECK(pipeline.ok());
  const stream::Pipeline::Sink sink = [](const stream::Signal&) {};
  base::TimeUs now = 0;
  for (const double value : {0.0, 1.0, -1e300, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    for (sensing::SeriesKey key = 1; key <= series; ++key) {
      now += 300 * base::kMillisecond;
      (*pipeline)->step({key, {}, now, 0, value}, now, sink);
      (*pipeline)->step({key, {}, INT64_MIN, 0, value}, now, sink);
    }
    (*pipeline)->tick(now, sink);
  }
  return 0;
}
