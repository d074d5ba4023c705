// HTTP/1.1 messages from bytes, incrementally; Beast's parser inside. Pure and bounded: nothing is
// kept beyond the head's limit and the body's, whatever arrives. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "http/message.h"

namespace lander::http {

inline constexpr std::size_t kMaxHeadBytes = 16 << 10;

// Names in lower case; repeated fields are joined (RFC 9110 §5.3).
using Fields = std::map<std::string, std::string>;

struct RequestHead {
  std::string method, target;
  Fields fields;
  std::optional<std::uint64_t> content_length;  // none: chunked, or no body
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

// Feed until head(); then set the body's limit and feed on until done(). The caller keeps what was
// not consumed and feeds it again with what arrives next.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  // Consumes from the front of `data`, as far as the end of the head or the end of the message;
  // returns how many bytes. False: refusal() says why, and the connection can't go on.
  bool feed(base::ByteView data, std::size_t& consumed);
  const RequestHead* head() const;  // null: not complete yet
  bool done() const;
  void limit_body(std::size_t max_bytes);  // after head(); before: nothing of the body is taken
  std::size_t body_bytes() const;
  const Refusal& refusal() const;
  RequestHead take_head();
  base::Bytes take_body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ResponseHead {
  int status = 0;
  Fields fields;
  bool keep_alive = true;
};

class ResponseParser {
 public:
  // `head_only`: the answer to a HEAD.
  ResponseParser(bool head_only, std::size_t max_body);
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;
  ~ResponseParser();
  // As RequestParser::feed, but goes through head and body at once.
  base::Result<std::size_t> feed(base::ByteView data);
  // The connection ended. kUnavailable: in the middle of a message.
  base::Status end();
  const ResponseHead* head() const;
  bool done() const;
  // What of the body has come since the last call; the limit counts all of it.
  base::Bytes take_body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lander::http
