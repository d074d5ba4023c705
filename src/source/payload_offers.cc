#include "source/payload_offers.h"

#include "source/json_leaves.h"
#include "source/topic_table.h"

namespace lander::source {
namespace {

// Leaves come in the order of the text, so an array's stand together.
class LeafOffers {
 public:
  LeafOffers(CandidateTable& table, const std::string& topic) : table_(table), topic_(topic) {}

  bool leaf(std::string_view pointer, const Raw& raw) {
    const auto last = pointer.rfind('/');
    const std::string_view parent =
        last == pointer.npos ? std::string_view() : pointer.substr(0, last);
    const bool number = std::holds_alternative<double>(raw) ||
                        std::holds_alternative<std::int64_t>(raw) ||
                        std::holds_alternative<std::monostate>(raw);
    const bool next = number && last != pointer.npos &&
                      pointer.substr(last + 1) == std::to_string(count_) &&
                      (count_ == 0 || parent == parent_);
    if (!next) end();
    if (number && last != pointer.npos && pointer.substr(last + 1) == std::to_string(count_)) {
      if (count_ == 0) parent_ = parent;
      if (count_++ < kLeastWaveform) first_.push_back({std::string(pointer), raw});
    } else {
      offer(pointer, raw);
    }
    return offered_ < kMaxLeaves;
  }

  void end() {
    if (count_ >= kLeastWaveform) {
      std::string text = "[";
      for (std::size_t i = 0; i < 4; ++i) text += to_text(first_[i].second) + ", ";
      text += "..], " + std::to_string(count_) + " numbers";
      constexpr std::string_view kSamples = "/samples";
      if (parent_.ends_with(kSamples)) parent_.resize(parent_.size() - kSamples.size());
      ++offered_;
      table_.example(topic_, topic_ + "#" + parent_, sensing::Kind::kWaveform, std::move(text));
    } else {
      for (const auto& [pointer, raw] : first_) offer(pointer, raw);
    }
    first_.clear();
    count_ = 0;
  }

 private:
  void offer(std::string_view pointer, const Raw& raw) {
    if (++offered_ <= kMaxLeaves) table_.example(topic_, topic_ + "#" + std::string(pointer), raw);
  }

  CandidateTable& table_;
  const std::string& topic_;
  std::string parent_;
  std::size_t count_ = 0;                           // numbers of parent_, so far
  std::vector<std::pair<std::string, Raw>> first_;  // of them; numbers borrow nothing
  std::size_t offered_ = 0;
};

}  // namespace

void offer_payload(CandidateTable& table, const std::string& topic, base::ByteView payload) {
  const std::string_view text = base::as_text(payload);
  if (payload.empty()) return;
  if (payload.size() > kMaxPayloadBytes || !is_utf8(text)) {
    table.example(
        topic, topic, sensing::Kind::kObject,
        std::string(media_type_of(payload)) + ", " + std::to_string(payload.size()) + " bytes");
    return;
  }
  const char first = trim(text).empty() ? ' ' : trim(text).front();
  if (first != '{' && first != '[') return table.example(topic, topic, Raw(text));
  LeafOffers offers(table, topic);
  const auto walked = walk_json(text, [&](std::string_view pointer, const Raw& value) {
    return offers.leaf(pointer, value);
  });
  offers.end();
  if (!walked.ok()) table.example(topic, topic, Raw(text));
}

}  // namespace lander::source
