#include "api/live.h"

#include <algorithm>

namespace lander::api {

namespace {
constexpr std::size_t kMaxReaders = 256;
}

bool Live::add(std::string tenant, std::string user, std::shared_ptr<http::EventStream> stream) {
  const std::lock_guard lock(mutex_);
  if (readers_.size() >= kMaxReaders) return false;
  readers_.push_back({std::move(tenant), std::move(user), std::move(stream)});
  return true;
}

void Live::end(std::string_view user) {
  const std::lock_guard lock(mutex_);
  std::erase_if(readers_, [&](const Reader& reader) { return reader.user == user; });
}

void Live::send(std::string_view tenant, std::string_view event, std::string_view json) {
  const std::lock_guard lock(mutex_);
  std::erase_if(readers_, [&](const Reader& reader) {
    return reader.tenant == tenant && !reader.stream->send(event, json);
  });
}

bool Live::watched() const {
  const std::lock_guard lock(mutex_);
  return !readers_.empty();
}

}  // namespace lander::api
