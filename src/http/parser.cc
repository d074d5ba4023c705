#include "http/parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

namespace lander::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using Body = beast_http::vector_body<std::uint8_t>;
using base::Code;
using base::Error;

// A chunk's header or the trailer that never ends would make the caller's buffer grow.
constexpr std::size_t kMaxUnparsed = kMaxHeadBytes;

std::string text_of(boost::beast::string_view view) { return {view.data(), view.size()}; }

template <class Message>
Fields fields_of(const Message& message) {
  Fields fields;
  for (const auto& field : message) {
    std::string name = text_of(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    auto [at, fresh] = fields.emplace(name, text_of(field.value()));
    if (!fresh) at->second += (name == "cookie" ? "; " : ", ") + text_of(field.value());
  }
  return fields;
}

// Feeds Beast until it wants more bytes, ends, or (with `stop_at_head`) has the head.
template <class Parser>
std::size_t drive(Parser& parser, base::ByteView data, bool stop_at_head, error_code& error) {
  std::size_t used = 0;
  error = {};
  while (used < data.size() && !parser.is_done()) {
    if (stop_at_head && parser.is_header_done()) break;
    const auto step =
        parser.put(boost::asio::const_buffer(data.data() + used, data.size() - used), error);
    used += step;
    if (error == beast_http::error::need_more) {
      error = {};
      break;
    }
    if (error) break;
    if (step == 0) break;
  }
  return used;
}

}  // namespace

struct RequestParser::Impl {
  beast_http::request_parser<Body> parser;
  std::optional<RequestHead> head;
  bool limited = false;
  std::size_t max_body = 0;
  Refusal refusal;

  bool refuse(int status, std::string code, std::string detail) {
    refusal = {status, std::move(code), std::move(detail)};
    return false;
  }
  bool refuse(const error_code& error);
  bool take_head();
};

bool RequestParser::Impl::refuse(const error_code& error) {
  if (error == beast_http::error::header_limit) {
    return refuse(431, "head_too_large",
                  "request line and headers exceed " + std::to_string(kMaxHeadBytes) + " bytes");
  }
  if (error == beast_http::error::body_limit || error == beast_http::error::buffer_overflow) {
    return refuse(
        413, "body_too_large",
        "the body exceeds " + std::to_string(max_body) + " bytes, which is the limit here");
  }
  if (error == beast_http::error::bad_version) {
    return refuse(505, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
  }
  return refuse(400, "malformed_request", "malformed HTTP request: " + error.message());
}

bool RequestParser::Impl::take_head() {
  const auto& message = parser.get();
  RequestHead found;
  found.method = text_of(message.method_string());
  found.target = text_of(message.target());
  found.fields = fields_of(message);
  found.keep_alive = parser.keep_alive();
  found.chunked = parser.chunked();
  if (auto length = parser.content_length()) found.content_length = *length;
  if (message.version() == 11 && message.count(beast_http::field::host) != 1) {
    return refuse(400, "malformed_request", "exactly one Host header is required");
  }
  // Anything but plain "chunked" is where two readers could disagree about the message's end.
  if (auto coding = found.fields.find("transfer-encoding"); coding != found.fields.end()) {
    if (!equal_ignoring_case(coding->second, "chunked") || message.version() == 10) {
      return refuse(501, "unsupported", "Transfer-Encoding may only be \"chunked\"");
    }
  }
  if (auto expect = found.fields.find("expect"); expect != found.fields.end()) {
    if (!equal_ignoring_case(expect->second, "100-continue")) {
      return refuse(417, "unsupported", "Expect may only be \"100-continue\"");
    }
    found.expects_continue = message.version() == 11;
  }
  head = std::move(found);
  return true;
}

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(kMaxHeadBytes);
  impl_->parser.body_limit(boost::none);  // checked once the route is known
}
RequestParser::~RequestParser() = default;

bool RequestParser::feed(base::ByteView data, std::size_t& consumed) {
  consumed = 0;
  error_code error;
  if (!impl_->head) {
    consumed = drive(impl_->parser, data, true, error);
    if (error) return impl_->refuse(error);
    return impl_->parser.is_header_done() ? impl_->take_head() : true;
  }
  if (!impl_->limited) return true;
  impl_->parser.eager(true);
  consumed = drive(impl_->parser, data, false, error);
  if (error) return impl_->refuse(error);
  if (!impl_->parser.is_done() && data.size() - consumed > kMaxUnparsed) {
    return impl_->refuse(400, "malformed_request",
                         "malformed HTTP request: chunk header or trailer too long");
  }
  return true;
}

const RequestHead* RequestParser::head() const { return impl_->head ? &*impl_->head : nullptr; }
bool RequestParser::done() const { return impl_->head && impl_->parser.is_done(); }

void RequestParser::limit_body(std::size_t max_bytes) {
  LANDER_CHECK(impl_->head);
  impl_->limited = true;
  impl_->max_body = max_bytes;
  impl_->parser.body_limit(max_bytes);
}

std::size_t RequestParser::body_bytes() const { return impl_->parser.get().body().size(); }
const Refusal& RequestParser::refusal() const { return impl_->refusal; }
RequestHead RequestParser::take_head() { return std::move(*impl_->head); }
base::Bytes RequestParser::take_body() { return std::move(impl_->parser.get().body()); }

struct ResponseParser::Impl {
  beast_http::response_parser<Body> parser;
  std::optional<ResponseHead> head;
  std::size_t max_body;

  base::Status take_head();
};

base::Status ResponseParser::Impl::take_head() {
  const auto& message = parser.get();
  head =
      ResponseHead{static_cast<int>(message.result_int()), fields_of(message), parser.keep_alive()};
  const auto coding = head->fields.find("transfer-encoding");
  if (coding != head->fields.end() && !equal_ignoring_case(coding->second, "chunked")) {
    return Error(Code::kUnsupported,
                 "the server's Transfer-Encoding is \"" + coding->second + "\"");
  }
  if (auto length = parser.content_length(); length && *length > max_body) {
    return Error(Code::kExhausted, "the response of " + std::to_string(*length) +
                                       " bytes exceeds the limit of " + std::to_string(max_body));
  }
  parser.body_limit(max_body);
  return {};
}

ResponseParser::ResponseParser(bool head_only, std::size_t max_body)
    : impl_(std::make_unique<Impl>()) {
  impl_->max_body = max_body;
  impl_->parser.header_limit(4 * kMaxHeadBytes);
  impl_->parser.body_limit(boost::none);
  impl_->parser.skip(head_only);
}
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;
ResponseParser::~ResponseParser() = default;

base::Result<std::size_t> ResponseParser::feed(base::ByteView data) {
  error_code error;
  std::size_t used = 0;
  if (!impl_->head) {
    used = drive(impl_->parser, data, true, error);
    if (!error && impl_->parser.is_header_done()) LANDER_TRY(impl_->take_head());
  }
  if (!error && impl_->head) {
    impl_->parser.eager(true);
    used += drive(impl_->parser, data.subspan(used), false, error);
  }
  if (error == beast_http::error::body_limit) {
    return Error(Code::kExhausted,
                 "the response exceeds the limit of " + std::to_string(impl_->max_body) + " bytes");
  }
  if (error) return Error(Code::kCorrupt, "malformed HTTP response: " + error.message());
  if (impl_->head && !impl_->parser.is_done() && data.size() - used > kMaxUnparsed) {
    return Error(Code::kCorrupt, "malformed HTTP response: chunk header or trailer too long");
  }
  return used;
}

base::Status ResponseParser::end() {
  error_code error;
  if (impl_->head && !impl_->parser.is_done()) impl_->parser.put_eof(error);
  if (!impl_->head || error) {
    return Error(Code::kUnavailable, "the connection ended within the response");
  }
  return {};
}

const ResponseHead* ResponseParser::head() const { return impl_->head ? &*impl_->head : nullptr; }
bool ResponseParser::done() const { return impl_->head && impl_->parser.is_done(); }

base::Bytes ResponseParser::take_body() {
  base::Bytes taken;
  taken.swap(impl_->parser.get().body());
  return taken;
}

}  // namespace lander::http
