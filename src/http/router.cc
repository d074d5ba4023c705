#include "http/router.h"

#include <optional>

#include "http/url.h"

namespace lander::http {
namespace {

using Params = std::map<std::string, std::string>;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(1);
  while (true) {
    const auto slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string decoded(std::string_view text) {
  auto result = percent_decode(text, false);
  return result.ok() ? std::move(*result) : std::string(text);  // parse_target has checked it
}

std::string joined(const std::vector<std::string>& segments, std::size_t from) {
  std::string rest;
  for (std::size_t i = from; i < segments.size(); ++i) {
    if (i > from) rest += '/';
    rest += decoded(segments[i]);
  }
  return rest;
}

std::optional<Params> match(const std::vector<std::string>& pattern,
                            const std::vector<std::string>& path) {
  Params params;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size()) return std::nullopt;
    if (pattern[i] == "*") {
      params["*"] = joined(path, i);
      return params;
    }
    if (is_parameter(pattern[i])) {
      if (path[i].empty()) return std::nullopt;
      params[pattern[i].substr(1, pattern[i].size() - 2)] = decoded(path[i]);
    } else if (pattern[i] != decoded(path[i])) {
      return std::nullopt;
    }
  }
  if (pattern.size() != path.size()) return std::nullopt;
  return params;
}

}  // namespace

void Router::add(std::string method, std::string_view pattern, std::size_t max_body,
                 Handler handler) {
  LANDER_CHECK(!method.empty() && pattern.starts_with('/') && handler);
  auto route = std::make_shared<Route>();
  route->method = std::move(method);
  route->segments = split(pattern);
  route->max_body = max_body;
  route->handler = std::move(handler);
  for (std::size_t i = 0; i + 1 < route->segments.size(); ++i) {
    LANDER_CHECK(route->segments[i] != "*");
  }
  std::lock_guard lock(mutex_);
  routes_.push_back(std::move(route));
}

Router::Match Router::find(std::string_view method, std::string_view raw_path) const {
  Match result;
  const auto path = split(raw_path);
  std::lock_guard lock(mutex_);
  for (const auto& route : routes_) {
    auto params = match(route->segments, path);
    if (!params) continue;
    if (route->method == method || (method == "HEAD" && route->method == "GET")) {
      result.route = route;
      result.params = std::move(*params);
      return result;
    }
    if (result.allowed.find(route->method) == std::string::npos) {
      result.allowed += (result.allowed.empty() ? "" : ", ") + route->method;
    }
  }
  return result;
}

}  // namespace lander::http
