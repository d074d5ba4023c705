#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <tuple>

#include "base/bytes.h"
#include "base/suggest.h"
#include "base/time.h"

namespace lander::base {
namespace {

constexpr std::size_t kMaxText = 1u << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxMistakes = 200;

std::string shown_number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

Error mistake_at(const std::string& name, int line, int column, const std::string& message) {
  return {Code::kInvalid,
          name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message};
}

// What yaml-cpp would take for another encoding, or pass on into a terminal, is refused beforehand.
Status check_characters(std::string_view text, const std::string& name) {
  int line = 1, column = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F) {
      return mistake_at(name, line, column, "a control character; expected plain text");
    }
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((byte & 0xC0) != 0x80) {
      ++column;
    }
  }
  if (!is_utf8(as_bytes(text))) return Error(Code::kInvalid, name + ": not UTF-8 text");
  return {};
}

// A place as an editor shows it. yaml-cpp's columns count bytes; people count characters.
struct Place {
  int line, column;
};

class Places {
 public:
  explicit Places(std::string_view text) {
    columns_.reserve(text.size() + 1);
    int column = 1;
    for (const char c : text) {
      columns_.push_back(column);
      if (c == '\n') {
        column = 1;
      } else if ((c & 0xC0) != 0x80) {
        ++column;
      }
    }
    columns_.push_back(column);
  }
  Place of(const YAML::Mark& mark) const {
    const auto at = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), columns_.size() - 1);
    return {mark.line + 1, columns_[at]};
  }

 private:
  std::vector<int> columns_;  // of every byte
};

// Thrown through yaml-cpp by our event handler, caught in parse().
struct Refusal {
  Place place;
  const char* message;
};

}  // namespace

struct Yaml::Node {
  enum class Kind { kNothing, kScalar, kList, kMap };
  struct Field {
    std::string key;
    int line, column;
    std::shared_ptr<Node> value;
  };

  Kind kind = Kind::kNothing;
  int line = 1, column = 1;
  bool plain = true;  // not quoted, not a block scalar
  std::string text;
  std::vector<Field> fields;
  std::vector<std::shared_ptr<Node>> items;

  bool handed_out = false;         // somebody looked at it: its unknown keys count
  bool open = false;               // entries() was called or it is mistaken: any key is fine
  std::vector<std::string> asked;  // keys asked for, in that order

  const char* kind_name() const {
    switch (kind) {
      case Kind::kNothing:
        return "nothing";
      case Kind::kScalar:
        return "a single value";
      case Kind::kList:
        return "a list";
      case Kind::kMap:
        return "a map";
    }
    return "";
  }
};

struct Yaml::Document {
  std::string name;
  std::shared_ptr<Node> root = std::make_shared<Node>();
  std::vector<YamlMistake> mistakes;

  void add(int line, int column, std::string message) {
    const auto same = [&](const YamlMistake& m) {
      return m.line == line && m.column == column && m.message == message;
    };
    if (mistakes.size() < kMaxMistakes && std::none_of(mistakes.begin(), mistakes.end(), same)) {
      mistakes.push_back({line, column, std::move(message)});
    }
  }
};

// Builds our own tree from yaml-cpp's events: with every place, and with duplicates still visible.
class Yaml::Builder final : public YAML::EventHandler {
 public:
  Builder(Document& document, const Places& places) : document_(document), places_(places) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    refuse(mark, "an anchor (&); expected every value written out");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "an alias (*); expected every value written out");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, "", Node::Kind::kNothing);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!stack_.empty() && stack_.back().node->kind == Node::Kind::kMap && !stack_.back().has_key) {
      check(mark, anchor, tag);
      take_key(mark, value);
      return;
    }
    Node& node = add(mark, anchor, tag, Node::Kind::kScalar);
    node.text = value;
    node.plain = tag == "?";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    push(mark, add(mark, anchor, tag, Node::Kind::kList));
  }
  void OnSequenceEnd() override { stack_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    push(mark, add(mark, anchor, tag, Node::Kind::kMap));
  }
  void OnMapEnd() override {
    find_duplicates(stack_.back().node->fields);
    stack_.pop_back();
  }

 private:
  struct Level {
    Node* node;
    bool has_key;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, const char* message) const {
    throw Refusal{places_.of(mark), message};
  }

  void check(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) const {
    if (anchor != 0) refuse(mark, "an anchor (&); expected every value written out");
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "a tag (!); expected a plain value");
  }

  void push(const YAML::Mark& mark, Node& node) {
    if (stack_.size() >= kMaxDepth) refuse(mark, "nested deeper than 64 levels");
    stack_.push_back({&node, false});
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    Level& level = stack_.back();
    level.has_key = true;
    const Place place = places_.of(mark);
    level.node->fields.push_back({key, place.line, place.column, nullptr});
  }

  void find_duplicates(const std::vector<Node::Field>& fields) {
    std::vector<const Node::Field*> sorted;
    for (const Node::Field& field : fields) sorted.push_back(&field);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto* a, const auto* b) { return a->key < b->key; });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->key != sorted[i - 1]->key) continue;
      document_.add(sorted[i]->line, sorted[i]->column,
                    "duplicate key " + quoted(sorted[i]->key) + "; it stands on line " +
                        std::to_string(sorted[i - 1]->line) + " already");
    }
  }

  Node& add(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag,
            Node::Kind kind) {
    check(mark, anchor, tag);
    auto node = std::make_shared<Node>();
    node->kind = kind;
    const Place place = places_.of(mark);
    node->line = place.line;
    node->column = place.column;
    Node& added = *node;
    if (stack_.empty()) {
      document_.root = std::move(node);
    } else if (Level& level = stack_.back(); level.node->kind == Node::Kind::kList) {
      level.node->items.push_back(std::move(node));
    } else if (!level.has_key) {
      refuse(mark, "a key that is no text");
    } else {
      Node::Field& field = level.node->fields.back();
      if (kind == Node::Kind::kNothing) {  // yaml-cpp gives the place of whatever comes next
        node->line = field.line;
        node->column = field.column;
      }
      field.value = std::move(node);
      level.has_key = false;
    }
    return added;
  }

  Document& document_;
  const Places& places_;
  std::vector<Level> stack_;
};

Yaml::Yaml(std::shared_ptr<Document> document, std::shared_ptr<Node> node)
    : document_(std::move(document)), node_(std::move(node)) {
  if (node_) node_->handed_out = true;
}

Result<Yaml> Yaml::parse(std::string_view text, std::string name) {
  if (text.size() > kMaxText) return Error(Code::kInvalid, name + ": larger than 1 MiB");
  LANDER_TRY(check_characters(text, name));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // yaml-cpp would not count it
  const Places places(text);
  auto document = std::make_shared<Document>();
  document->name = std::move(name);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(*document, places);
    parser.HandleNextDocument(builder);
    if (parser) {
      Document second;
      Builder rest(second, places);
      if (parser.HandleNextDocument(rest)) {
        throw Refusal{{second.root->line, second.root->column},
                      "a second document; expected one in a file"};
      }
    }
  } catch (const Refusal& refusal) {
    return mistake_at(document->name, refusal.place.line, refusal.place.column, refusal.message);
  } catch (const YAML::Exception& error) {
    const Place place = places.of(error.mark);
    return mistake_at(document->name, place.line, place.column, error.msg);
  } catch (const std::exception& error) {
    return Error(Code::kInvalid, document->name + ": " + error.what());
  }
  std::shared_ptr<Node> root = document->root;
  return Yaml(std::move(document), std::move(root));
}

bool Yaml::present() const { return node_ != nullptr; }
bool Yaml::is_map() const { return node_ && node_->kind == Node::Kind::kMap; }
bool Yaml::is_list() const { return node_ && node_->kind == Node::Kind::kList; }
bool Yaml::is_scalar() const { return node_ && node_->kind == Node::Kind::kScalar; }
int Yaml::line() const { return node_ ? node_->line : 0; }
int Yaml::column() const { return node_ ? node_->column : 0; }

Yaml Yaml::absent() const { return Yaml(document_, nullptr); }

void Yaml::mistake_here(std::string message) const {
  if (node_) {
    node_->open = true;
    document_->add(node_->line, node_->column, std::move(message));
  } else if (document_) {
    document_->add(document_->root->line, document_->root->column, std::move(message));
  }
}

void Yaml::mistake(std::string message) { mistake_here(std::move(message)); }

bool Yaml::expect_map() const {
  if (is_map()) return true;
  if (node_) mistake_here(std::string("expected a map, found ") + node_->kind_name());
  return false;
}

Yaml Yaml::child(std::string_view key) const {
  auto& asked = node_->asked;
  if (std::find(asked.begin(), asked.end(), key) == asked.end()) asked.emplace_back(key);
  for (const Node::Field& field : node_->fields) {
    if (field.key == key) return Yaml(document_, field.value);
  }
  return absent();
}

Yaml Yaml::required(std::string_view key) {
  if (!expect_map()) return absent();
  Yaml found = child(key);
  if (!found.present()) {
    document_->add(node_->line, node_->column, "missing key " + quoted(key));
  }
  return found;
}

Yaml Yaml::optional(std::string_view key) { return expect_map() ? child(key) : absent(); }

std::vector<std::pair<std::string, Yaml>> Yaml::entries() {
  std::vector<std::pair<std::string, Yaml>> out;
  if (!expect_map()) return out;
  node_->open = true;
  for (const Node::Field& field : node_->fields) {
    out.emplace_back(field.key, Yaml(document_, field.value));
  }
  return out;
}

std::vector<Yaml> Yaml::items() {
  std::vector<Yaml> out;
  if (!node_) return out;
  if (!is_list()) {
    mistake_here(std::string("expected a list, found ") + node_->kind_name());
    return out;
  }
  for (const auto& item : node_->items) out.push_back(Yaml(document_, item));
  return out;
}

std::optional<std::string_view> Yaml::scalar(const char* expected) const {
  if (is_scalar()) return node_->text;
  if (node_) mistake_here(std::string("expected ") + expected + ", found " + node_->kind_name());
  return std::nullopt;
}

std::string Yaml::text(std::string_view fallback) {
  return std::string(scalar("text").value_or(fallback));
}

double Yaml::number(double fallback, double least, double most) {
  const auto text = scalar("a number");
  if (!text) return fallback;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (!node_->plain || error != std::errc() || end != text->data() + text->size() ||
      !std::isfinite(value)) {
    mistake_here("expected a number, found " + quoted(*text));
    return fallback;
  }
  if (value < least || value > most) {
    mistake_here("expected a number from " + shown_number(least) + " to " + shown_number(most) +
                 ", found " + shown_number(value));
    return fallback;
  }
  return value;
}

std::int64_t Yaml::integer(std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const auto text = scalar("a whole number");
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (!node_->plain || error != std::errc() || end != text->data() + text->size()) {
    mistake_here("expected a whole number, found " + quoted(*text));
    return fallback;
  }
  if (value < least || value > most) {
    mistake_here("expected a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most) + ", found " + std::to_string(value));
    return fallback;
  }
  return value;
}

bool Yaml::boolean(bool fallback) {
  const auto text = scalar("true or false");
  if (!text) return fallback;
  if (node_->plain && *text == "true") return true;
  if (node_->plain && *text == "false") return false;
  mistake_here("expected true or false, found " + quoted(*text));
  return fallback;
}

std::int64_t Yaml::duration_us(std::int64_t fallback) {
  const auto text = scalar("a duration like 10s");
  if (!text) return fallback;
  const auto value = parse_duration(*text);
  if (value.ok()) return *value;
  mistake_here("expected a duration like 250ms, 10s, 5m, 24h or 30d, found " + quoted(*text));
  return fallback;
}

std::size_t Yaml::one_of(std::span<const std::string_view> names, std::size_t fallback) {
  const auto text = scalar("a name");
  if (!text) return fallback;
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  mistake_here("unknown value " + quoted(*text) + suggestion(*text, names));
  return fallback;
}

Status Yaml::finish() {
  if (!document_) return {};
  std::vector<const Node*> todo = {document_->root.get()};
  while (!todo.empty()) {
    const Node& node = *todo.back();
    todo.pop_back();
    for (const auto& item : node.items) todo.push_back(item.get());
    const std::vector<std::string_view> asked(node.asked.begin(), node.asked.end());
    for (const Node::Field& field : node.fields) {
      todo.push_back(field.value.get());
      const bool known = std::find(asked.begin(), asked.end(), field.key) != asked.end();
      if (!node.handed_out || node.open || known) continue;
      document_->add(field.line, field.column,
                     "unknown key " + quoted(field.key) + suggestion(field.key, asked));
    }
  }
  const auto found = mistakes();
  if (found.empty()) return {};
  std::string text;
  for (const YamlMistake& m : found) {
    text += (text.empty() ? "" : "\n") + document_->name + ":" + std::to_string(m.line) + ":" +
            std::to_string(m.column) + ": " + m.message;
  }
  return Error(Code::kInvalid, text);
}

std::vector<YamlMistake> Yaml::mistakes() const {
  if (!document_) return {};
  std::vector<YamlMistake> sorted = document_->mistakes;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return sorted;
}

}  // namespace lander::base
