// Which handler answers a method and path. Routes may be added while requests are being served.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace lander::http {

struct Route {
  std::string method;
  std::vector<std::string> segments;  // "{name}" as given; a last "*" takes the rest
  std::size_t max_body = 0;
  Handler handler;
};

// Thread-safe.
class Router {
 public:
  struct Match {
    std::shared_ptr<const Route> route;         // null: none
    std::map<std::string, std::string> params;  // decoded
    std::string allowed;  // no route for this method, but for these ("GET, PUT"): a 405
  };

  // Aborts when the pattern is not one: routes are ours, not input.
  void add(std::string method, std::string_view pattern, std::size_t max_body, Handler handler);
  // `raw_path` is not decoded, so that an escaped slash stays within its segment. HEAD finds GET's.
  Match find(std::string_view method, std::string_view raw_path) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Route>> routes_;
};

}  // namespace lander::http
