// What MQTT messages mean: the datastreams that are bound to a topic, and their values in a
// payload. Addresses and payloads: docs/formats/source.md. Pure; immutable after make().
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "source/source.h"

namespace lander::source {

inline constexpr std::size_t kMaxPayloadBytes = 64u << 10;  // longer ones are malformed

struct Message {
  std::string_view topic;
  base::ByteView payload;
  bool retained = false;     // the broker's memory of it: its age is unknown
  base::TimeUs arrived = 0;  // what the site's clock said
};

class TopicTable {
 public:
  // kInvalid names the datastream whose address or pointers cannot be.
  static base::Result<TopicTable> make(const std::vector<Bound>& bound);

  std::vector<std::string> topics() const;  // sorted
  bool contains(std::string_view topic) const;
  // Appends what the message says to `out`. A datastream whose value cannot be understood is told
  // in `problem` ("topic x: datastream y: expected ..."), its neighbours are not disturbed. Returns
  // how many problems there were; `problem` holds the last.
  int decode(const Message& message, std::vector<sensing::Observation>& out,
             std::string& problem) const;

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Entry {
    Converter converter;
    bool json = false;                                          // the address has a '#'
    std::size_t value = kNone, time = kNone, sequence = kNone;  // Topic::pointers' numbers
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  struct Topic {
    std::vector<Entry> entries;
    ByText<std::size_t> pointers;
    std::size_t pointer_to(const std::string& pointer);
  };
  struct Slot {  // the value at one pointer
    bool there = false;
    Raw raw;
    std::string text;  // what a text `raw` points to
  };

  base::Status add(const Bound& bound);
  static base::Result<sensing::Observation> decode_entry(const Entry& entry, const Message& message,
                                                         const std::vector<Slot>& slots);

  ByText<Topic> topics_;
};

// RFC 3339 text, or a number since 1970 whose size tells its unit: below 1e11 seconds, below 1e14
// milliseconds, below 1e17 microseconds, else nanoseconds.
base::Result<base::TimeUs> parse_phenomenon_time(const Raw& raw);

}  // namespace lander::source
