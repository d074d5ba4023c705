#include "http/event_reader.h"

namespace lander::http {
namespace {

constexpr std::size_t kMaxEventBytes = 1 << 20;

}  // namespace

base::Result<bool> EventReader::feed(std::string_view text, const Visit& visit) {
  for (char c : text) {
    // Lines end with LF, CR or CRLF.
    const bool second_half = c == '\n' && after_return_;
    after_return_ = c == '\r';
    if (second_half) continue;
    if (c == '\n' || c == '\r') {
      std::string complete;
      complete.swap(rest_);
      LANDER_ASSIGN(const bool more, line(complete, visit));
      if (!more) return false;
      continue;
    }
    if (rest_.size() + data_.size() >= kMaxEventBytes) {
      return base::Error(base::Code::kExhausted, "a server-sent event exceeds 1 MiB");
    }
    rest_.push_back(c);
  }
  return true;
}

base::Result<bool> EventReader::line(std::string_view text, const Visit& visit) {
  if (text.empty()) {
    const bool more = !has_data_ || visit(event_.empty() ? "message" : event_, data_);
    event_.clear();
    data_.clear();
    has_data_ = false;
    return more;
  }
  const auto colon = text.find(':');
  const auto field = text.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace lander::http
