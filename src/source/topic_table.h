// What MQTT messages mean: the datastreams that are bound to a topic, and their values in a
// payload. Addresses and payloads: docs/formats/source.md. Pure; immutable after make().
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "source/source.h"

namespace lander::source {

inline constexpr std::size_t kMaxPayloadBytes = 64u << 10;  // longer ones are malformed, or objects

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
  // Sink::keep: where the payload of an object goes.
  using Keep = std::function<base::Result<sensing::Object>(base::ByteView, std::string_view)>;
  // Appends what the message says to `out`. A datastream whose value cannot be understood is told
  // in `problem` ("topic x: datastream y: expected ..."), its neighbours are not disturbed. Returns
  // how many problems there were; `problem` holds the last. An error: an object could not be kept
  // for now; nothing of the message is in `out`, and it should be tried again.
  base::Result<int> decode(const Message& message, const Keep& keep,
                           std::vector<sensing::Observation>& out, std::string& problem) const;

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Entry {
    Converter converter;
    bool json = false;  // the address has a '#', or the kind needs JSON
    std::size_t value = kNone, time = kNone, sequence = kNone;  // Topic::pointers' numbers
    std::size_t rate = kNone;                                   // of a waveform
    std::size_t array = kNone, samples = kNone;                 // of a waveform: Topic::arrays'
    std::size_t start = kNone, end = kNone, duration = kNone, label = kNone;  // of an interval
    sensing::Kind kind() const { return converter.bound().datastream.kind; }
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  struct Topic {
    std::vector<Entry> entries;
    ByText<std::size_t> pointers;
    ByText<std::size_t> arrays;  // pointers of arrays of numbers
    std::size_t pointer_to(const std::string& pointer);
    std::size_t array_at(const std::string& pointer);
  };
  struct Slot {  // the value at one pointer
    bool there = false;
    Raw raw;
    std::string text;  // what a text `raw` points to
  };
  struct Array {
    std::vector<double> samples;
    std::string wrong;  // why it is none, if so
    void add(std::string_view index, const Raw& raw);
  };
  struct Found {  // in one payload, by Topic's numbers
    std::vector<Slot> slots;
    std::vector<Array> arrays;
    const Slot* at(std::size_t slot) const {
      return slot != kNone && slots[slot].there ? &slots[slot] : nullptr;
    }
  };
  struct Moment {
    base::TimeUs time = 0;
    std::uint64_t sequence = 0;
  };

  base::Status add(const Bound& bound);
  static void add_pointers(const Bound& bound, const std::string& value, Topic& topic,
                           Entry& entry);
  static base::Result<Found> find(const Topic& topic, std::string_view payload);
  static base::Result<Moment> moment_of(const Entry& entry, const Message& message,
                                        const Found& found);
  static base::Result<sensing::Observation> decode_entry(const Entry& entry, const Message& message,
                                                         const Found& found);
  static base::Result<sensing::Observation> decode_waveform(const Entry& entry, const Found& found,
                                                            Moment moment);
  static base::Result<sensing::Observation> decode_interval(const Entry& entry, const Found& found,
                                                            Moment moment);
  static base::Result<sensing::Observation> decode_object(const Entry& entry,
                                                          const Message& message, const Keep& keep);

  ByText<Topic> topics_;
};

// RFC 3339 text, or a number since 1970 whose size tells its unit: below 1e11 seconds, below 1e14
// milliseconds, below 1e17 microseconds, else nanoseconds.
base::Result<base::TimeUs> parse_phenomenon_time(const Raw& raw);

}  // namespace lander::source
