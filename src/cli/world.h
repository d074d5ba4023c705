// What the command touches outside itself besides the server: tests put their own in place.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "link/link.h"
#include "os/clock.h"
#include "os/files.h"
#include "sensing/block.h"

namespace lander::cli {

// A table of observations that is being written.
class ObservationFile {
 public:
  virtual ~ObservationFile() = default;
  // Of one datastream, times in UTC, give or take `error` (INT64_MAX: unknown). What is no number,
  // integer, boolean or text comes as text.
  virtual base::Status add(const sensing::Datastream& context, base::DurationUs error,
                           sensing::Block rows) = 0;
  virtual base::Status finish() = 0;
};
// Whom items come from, for a lake of one's own.
struct LakeOrigin {
  std::string tenant, site;
  std::uint64_t epoch = 0;
  base::TimeUs received = 0;
};
class OwnLake {
 public:
  virtual ~OwnLake() = default;
  // Once each, durable when it returns.
  virtual base::Status ingest(const LakeOrigin& origin, const std::vector<link::Item>& items) = 0;
  virtual base::Result<std::uint64_t> flush() = 0;  // rows that are in the tables by it
};
struct Lakes {
  std::function<base::Result<std::unique_ptr<OwnLake>>(const std::string& folder)> open;
  // The JSON of one query over a tenant's tables.
  std::function<base::Result<std::string>(const std::string& tenant_folder, const std::string& sql)>
      ask;
};
using MakeObservationFile =
    std::function<base::Result<std::unique_ptr<ObservationFile>>(const std::string& path)>;

struct World {
  os::Files& files;
  os::Clock& clock;
  std::function<void(std::string_view)> out, err;
  std::function<std::string(const char* name)> environment;  // empty: not set
  // kUnavailable: nobody is there to answer.
  std::function<base::Result<std::string>(std::string_view question, bool secret)> ask;
  std::function<void(base::DurationUs)> pause;
  bool out_is_terminal = false, err_is_terminal = false;
  int columns = 80;
  MakeObservationFile parquet;  // empty: this program cannot
  Lakes lakes;                  // as well
  // Goes on as the program that can, with the same arguments; returns when that failed.
  std::function<base::Error()> become_parquet;
};

// The whole command but for main()'s wiring. `arguments` without the program's name.
int run(World& world, std::vector<std::string> arguments);

}  // namespace lander::cli
