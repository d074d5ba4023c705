// Where a read's samples come from: a segment's chunks, or the tail. A feed gives samples of one
// series in ascending UTC.
#pragma once

#include <functional>

#include "store/reading.h"

namespace lander::store {

using Visit = std::function<bool(const Sample&)>;
// What could not be read, and why.
using Damage = std::function<void(const Lost& lost, const base::Error& error)>;

// What all feeds of a read share. Borrowed by them.
struct Order {
  Connection* connection;
  const sensing::ClockBook* book;
  SeriesKey key;
  sensing::Kind kind;
  base::TimeUs from, to;  // UTC
  Damage damage;
};

class Feed {
 public:
  virtual ~Feed() = default;
  // Makes head() valid, or empty() true.
  virtual base::Status fill() = 0;
  virtual bool empty() const = 0;
  virtual base::TimeUs head() const = 0;
  // Gives what is decoded and not after `until`, at most `limit` of it (which it counts down);
  // false: the visitor has enough.
  virtual bool give(base::TimeUs until, std::size_t& limit, const Visit& visit) = 0;
};

// Samples of one segment whose UTC differs from what they claim by just `offset`.
base::Result<std::unique_ptr<Feed>> chunk_feed(const Order& order, Segment segment,
                                               base::DurationUs offset, base::TimeUs first,
                                               base::TimeUs end);
std::unique_ptr<Feed> tail_feed(const Order& order, std::vector<TailFrame> frames);

// The samples of one series in frames, each with its segment; for whoever needs no order.
base::Status visit_frames(
    const Order& order, const std::vector<TailFrame>& frames,
    const std::function<void(const Samples&, std::size_t at, Segment segment)>& visit);

// Sets the sample to the one at `at`, its time to UTC.
void set_sample(Sample& sample, const Order& order, const sensing::Block& block, std::size_t at,
                Segment segment);

}  // namespace lander::store
