// Server-sent events from the bytes of their stream (WHATWG HTML §9.2.6), incrementally. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lander::http {

class EventReader {
 public:
  using Visit = std::function<bool(std::string_view event, std::string_view data)>;
  // Calls for each complete event; false: the visitor wants no more. An event without a name is
  // "message". kExhausted: one of over 1 MiB.
  base::Result<bool> feed(std::string_view text, const Visit& visit);

 private:
  base::Result<bool> line(std::string_view text, const Visit& visit);

  std::string rest_;  // an unfinished line
  std::string event_, data_;
  bool has_data_ = false, after_return_ = false;
};

}  // namespace lander::http
