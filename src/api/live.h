// Live updates: one event goes to every open console of its tenant.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace lander::api {

// Thread-safe. At most 256 readers; a slow or closed one is dropped.
class Live {
 public:
  // False: too many readers.
  bool add(std::string tenant, std::string user, std::shared_ptr<http::EventStream> stream);
  void end(std::string_view user);  // may look no longer: his streams end
  void send(std::string_view tenant, std::string_view event, std::string_view json);
  bool watched() const;  // nobody looks: no need to prepare anything

 private:
  struct Reader {
    std::string tenant, user;
    std::shared_ptr<http::EventStream> stream;
  };
  mutable std::mutex mutex_;
  std::vector<Reader> readers_;
};

}  // namespace lander::api
