// What training sees of a site: an asset's history as frames, within a memory ceiling, and what
// people said of its alarms.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "learn/learn.h"
#include "store/store.h"

namespace lander::site {

// Of all values that one training holds: 40 MB, a week of 16 inputs each second. With all else that
// it takes a training stays below kTrainingBytes, whatever was recorded.
inline constexpr std::size_t kMaxTrainingValues = 10'000'000;
inline constexpr std::size_t kTrainingBytes = 64 << 20;

struct Span {
  base::TimeUs from = 0, to = 0;  // to: not in it
};

// The verdicts on an asset's alarms, with a margin before and after each.
struct Labels {
  std::vector<Span> left_out;  // true, maintenance, sensor fault; and what nobody judged yet
  std::vector<Span> harmless;  // false: healthy, however unusual it looked
  std::vector<Span> faults;    // true: what a model must find
  std::size_t verdicts = 0;    // alarms that were judged
  std::string digest;          // SHA-256 over all of them; empty: none
};
Labels labels_of(const alert::Book& book, const std::string& asset, base::TimeUs now);

// Is it this asset, or part of it?
bool belongs(const std::string& asset, const std::string& of);

struct FramesWanted {
  std::string asset;
  Span span;
  base::DurationUs interval = base::kSecond;
};
// The asset's number datastreams, one frame an interval, without what labels leave out, and with
// the rows of what is harmless marked. Where that is over kMaxTrainingValues every k-th ten minutes
// are taken (Frames::thinned = k), and all that is harmless. Reads the store: slow, any thread.
// kNotFound: no such datastreams; kUnavailable: `cancelled`, which is asked now and then.
base::Result<learn::Frames> read_frames(const store::Store& store, const FramesWanted& wanted,
                                        const Labels& labels,
                                        const std::function<bool()>& cancelled = {});

}  // namespace lander::site
