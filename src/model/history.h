// What became of an asset's models, step by step: W3C PROV's activities, for people and the hub.
// Format: docs/formats/model-history.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "model/model.h"

namespace lander::model {

enum class Happening : std::uint8_t {
  kTrained = 0,     // a model was made; it is the shadow now
  kRefused = 1,     // a training failed, or its model is no better: it was set aside
  kProposed = 2,    // the shadow is no worse; a person promotes it
  kPromoted = 3,    // the model watches now
  kRolledBack = 4,  // the one before watches again
  kProven = 5,      // it held after its promotion
};
std::string_view to_string(Happening happening);  // "trained", "rolled-back", ...

struct Event {
  Happening what = Happening::kTrained;
  base::TimeUs time = 0;
  std::string actor;   // "site", "user:anna@site"
  std::string digest;  // of the model that it is about; empty: none was made
  std::string reason;  // for people: why
  std::vector<Metric> numbers;
};
struct History {
  std::string asset;
  std::vector<Event> events;  // oldest first
};
inline constexpr std::size_t kMaxHistory = 50;  // the newest are kept

void add(History& history, Event event);
base::Bytes encode(const History& history);
base::Result<History> decode_history(base::ByteView bytes);  // bounded: kCorrupt, kUnsupported

}  // namespace lander::model
