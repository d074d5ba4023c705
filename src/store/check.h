// Does a site's database still say what was stored? Looks at everything and changes nothing,
// whether a site runs on it or not: one snapshot for each part, so that a running site's log can
// shrink in between.
//
// It cannot know of what is missing without a trace; it finds whatever contradicts a checksum, a
// count or another table: every flipped bit of a frame or a chunk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/files.h"

namespace lander::store {

struct CheckOptions {
  std::string path;            // of the database file
  std::string objects;         // their folder; empty: "objects" beside the database
  os::Files* files = nullptr;  // null: the system's
  std::size_t max_findings = 1000;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes; may be empty
};

struct Finding {
  std::string place;               // "chunk 3/0/1795000000000000/0", "frame 12", "object 9f2c.."
  std::string datastream;          // empty: of none, or of several
  base::TimeUs from = 0, to = 0;   // UTC; both 0: not known
  std::uint64_t observations = 0;  // that cannot be read any more
  std::string what;
};

struct CheckReport {
  std::vector<Finding> findings;  // in the order of what was looked at
  std::uint64_t left_out = 0;     // findings beyond max_findings
  std::uint64_t frames = 0, chunks = 0, rollups = 0, objects = 0, items = 0;
  std::uint64_t observations = 0;  // that can be read
  bool clean() const { return findings.empty(); }
};

// Errors are of the check itself, which then says nothing of the database: kNotFound, kCorrupt (no
// database at all, or another program's), kUnsupported (another release's), kIo.
base::Result<CheckReport> check(const CheckOptions& options);

}  // namespace lander::store
