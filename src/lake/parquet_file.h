// A Parquet file of observations with their context, written as they come: what `lander store
// export` makes.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "sensing/block.h"

namespace lander::lake {

// One thread. Holds one row group in memory. kExhausted: the disk is full.
class ParquetFile {
 public:
  // Replaces `path` when finish() returns ok, durably.
  static base::Result<std::unique_ptr<ParquetFile>> create(const std::string& path);
  virtual ~ParquetFile() = default;
  // Numbers, integers, booleans or texts (of other kinds as text), times in UTC, all of `error`
  // (INT64_MAX: unknown).
  virtual base::Status add(const sensing::Datastream& context, base::DurationUs error,
                           sensing::Block rows) = 0;
  virtual base::Status finish() = 0;
};

}  // namespace lander::lake
