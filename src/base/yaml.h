// Strict YAML for people's files: every error carries "file:line:column: what, expected what".
//
// A Yaml is a handle into a parsed document (the document lives as long as any handle). Fields that
// are never asked for are reported by finish() as unknown keys, with the nearest known name. The
// reader collects errors in the document instead of returning at the first: a person wants them
// all. Duplicate keys, anchors/aliases, and documents over 1 MiB or 64 levels are refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lander::base {

struct YamlMistake {
  int line = 0, column = 0;  // from 1
  std::string message;       // "unknown key \"unitt\"; did you mean \"unit\"?"
};

class Yaml {
 public:
  // `name` stands in the errors (a file name). A syntax error is returned at once.
  static Result<Yaml> parse(std::string_view text, std::string name);

  bool present() const;  // false for what optional() did not find
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  int line() const;
  int column() const;

  Yaml required(std::string_view key);  // a mistake when absent; the handle is then not present()
  Yaml optional(std::string_view key);
  std::vector<std::pair<std::string, Yaml>> entries();  // of a map whose keys are the user's own
  std::vector<Yaml> items();                            // of a list; a mistake when it is none

  // Scalars; on a mistake the default is returned and the mistake recorded.
  std::string text(std::string_view fallback = "");
  double number(double fallback = 0, double least = -1e308, double most = 1e308);
  std::int64_t integer(std::int64_t fallback = 0, std::int64_t least = INT64_MIN,
                       std::int64_t most = INT64_MAX);
  bool boolean(bool fallback = false);
  std::int64_t duration_us(std::int64_t fallback = 0);
  // One of the names; returns its index. The mistake lists what is allowed.
  std::size_t one_of(std::span<const std::string_view> names, std::size_t fallback = 0);

  void mistake(std::string message);  // the caller's own finding, at this node

  // Marks unknown keys, then: ok, or kInvalid with one "name:line:column: message" a line.
  Status finish();
  std::vector<YamlMistake> mistakes() const;  // sorted by place

 private:
  struct Document;
  struct Node;
  class Builder;
  Yaml(std::shared_ptr<Document> document, std::shared_ptr<Node> node);
  Yaml absent() const;
  Yaml child(std::string_view key) const;
  bool expect_map() const;
  // The text of a scalar; nothing, and a mistake, when the node is something else.
  std::optional<std::string_view> scalar(const char* expected) const;
  void mistake_here(std::string message) const;
  std::shared_ptr<Document> document_;
  std::shared_ptr<Node> node_;
};

}  // namespace lander::base
