// A frame: all observations of one commit, series by series, as one blob. Small and quick to write;
// chunks take over from it. Format: docs/formats/store.md. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sensing/block.h"
#include "store/store.h"

namespace lander::store {

class FrameWriter {
 public:
  explicit FrameWriter(base::TimeUs base) : base_(base) {}  // no time is before it

  // Observations of one series, ascending by time; series ascending.
  void add(SeriesKey series, std::span<const sensing::Observation* const> observations);
  base::Bytes finish();

 private:
  base::TimeUs base_;
  SeriesKey last_ = 0;
  std::uint64_t count_ = 0;
  base::Bytes entries_, scratch_;
};

// Samples of one series, ascending by time.
struct Samples {
  sensing::Block block;
  std::vector<std::uint64_t> sequences;  // empty: none has one
  std::size_t size() const { return block.size(); }
  void cut(std::size_t count);  // to so many
};

// Walks over a frame's series. The bytes are borrowed.
class FrameReader {
 public:
  // kCorrupt: they do not verify.
  static base::Result<FrameReader> open(base::ByteView frame);
  // Steps to the next series; false: that was the last. kCorrupt with the byte.
  base::Result<bool> next();
  // Steps on to this series (they ascend); false: it is not here.
  base::Result<bool> find(SeriesKey series);
  SeriesKey series() const { return series_; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return body_.size(); }
  // Appends the current series' samples. kCorrupt, and nothing is appended: not of this kind, or
  // broken.
  base::Status append_to(sensing::Kind kind, Samples& out) const;

 private:
  explicit FrameReader(base::ByteView bytes) : bytes_(bytes) {}
  base::Status append(sensing::Kind kind, Samples& out) const;
  base::ByteView bytes_;
  std::size_t at_ = 0;
  base::TimeUs base_ = 0;
  std::uint64_t left_ = 0;
  SeriesKey series_ = 0;
  std::size_t count_ = 0;
  base::ByteView body_;
};

}  // namespace lander::store
