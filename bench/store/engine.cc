#include "engine.h"

#include <unistd.h>

#include "../measure.h"

namespace bench {

pid_t Engine::pid() const { return ::getpid(); }

std::unique_ptr<Engine> make_engine(const std::string& side, const EngineOptions& options) {
  if (side == "store") return make_store(options);
  if (side == "rows") return make_rows(options);
  if (side == "duckdb") return make_duckdb(options);
  if (side == "influxdb") return make_influxdb(options);
  fail("there is no side " + side);
}

}  // namespace bench
