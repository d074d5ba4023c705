#include "http/url.h"

#include <algorithm>
#include <charconv>

namespace lander::http {
namespace {

using base::Code;
using base::Error;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A blank or a control character would break the request line that the text is put into.
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return false;
}

base::Status parse_query(std::string_view text, std::map<std::string, std::string>& query) {
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    if (!pair.empty()) {
      const auto equals = pair.find('=');
      LANDER_ASSIGN(auto name, percent_decode(pair.substr(0, equals), true));
      std::string value;
      if (equals != std::string_view::npos) {
        LANDER_ASSIGN(value, percent_decode(pair.substr(equals + 1), true));
      }
      if (!query.emplace(name, std::move(value)).second) {
        return Error(Code::kInvalid, "query parameter \"" + name + "\" is given twice");
      }
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

base::Status parse_authority(std::string_view authority, Url& url) {
  const Error wrong(Code::kInvalid,
                    "expected host or host:port, got \"" + std::string(authority) + "\"");
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return wrong;
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const auto colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (url.host.empty() || url.host.find_first_of("[]@\\\"<>") != std::string::npos) return wrong;
  if (port.empty()) return {};
  if (port[0] != ':') return wrong;
  port.remove_prefix(1);
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (code != std::errc() || end != port.data() + port.size() || url.port == 0) return wrong;
  return {};
}

}  // namespace

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

base::Result<Url> parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    url.tls = false;
    url.port = 80;
  } else {
    return Error(Code::kInvalid, "URL \"" + std::string(text) + "\": expected https:// or http://");
  }
  if (!is_visible(rest) || rest.find('#') != std::string_view::npos || rest.size() > 8192) {
    return Error(Code::kInvalid,
                 "URL \"" + std::string(text.substr(0, 200)) +
                     "\": blanks, control characters and #fragments do not belong here");
  }
  const auto end = rest.find_first_of("/?");
  if (end != std::string_view::npos) {
    url.target = rest.substr(end);
    if (url.target[0] == '?') url.target.insert(0, "/");
  }
  if (auto status = parse_authority(rest.substr(0, end), url); !status.ok()) {
    return status.error().context("URL \"" + std::string(text) + "\"");
  }
  return url;
}

base::Result<Target> parse_target(std::string_view text) {
  // RFC 9112 §3.2.2: a server must accept the absolute form too.
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const auto slash = text.find('/', scheme.size());
    text = slash == std::string_view::npos ? std::string_view("/") : text.substr(slash);
  }
  if (!text.starts_with('/')) {
    return Error(Code::kInvalid, "expected a target that starts with \"/\"");
  }
  Target target;
  const auto question = text.find('?');
  target.raw_path = text.substr(0, question);
  LANDER_ASSIGN(target.path, percent_decode(target.raw_path, false));
  if (has_dot_segment(target.path)) {
    return Error(Code::kInvalid, "\".\" and \"..\" segments are not allowed in a path");
  }
  if (question != std::string_view::npos) {
    LANDER_TRY(parse_query(text.substr(question + 1), target.query));
  }
  return target;
}

base::Result<std::string> percent_decode(std::string_view text, bool in_query) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return Error(Code::kInvalid, "\"%\" is not followed by two hex digits");
      c = static_cast<unsigned char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && in_query) {
      c = ' ';
    }
    const bool text_break = in_query && (c == '\n' || c == '\r' || c == '\t');
    if (c < 0x20 && !text_break) {
      return Error(Code::kInvalid, "a control character is not allowed in a target");
    }
    out.push_back(static_cast<char>(c));
  }
  return out;
}

}  // namespace lander::http
