#include "http/client.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "http/event_reader.h"
#include "http/message.h"
#include "http/parser.h"
#include "http/socket.h"
#include "http/tls.h"
#include "http/url.h"
#include "os/clock.h"
#include "os/system_error.h"

namespace lander::http {
namespace {

using base::Code;
using base::Error;
using Headers = std::vector<std::pair<std::string, std::string>>;

base::DurationUs now_us() { return os::system_clock().monotonic_us(); }

constexpr std::size_t kSmallBody = 16 << 10;  // copied behind the head: one record, one packet

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

struct Outgoing {
  std::string head;     // and a small body
  base::ByteView body;  // borrowed
  bool head_only = false;
};

base::Result<Outgoing> request(const Url& url, std::string_view user_agent, std::string_view method,
                               std::string_view target, base::ByteView body,
                               std::string_view content_type, const Headers& headers) {
  if (!is_token(method) || !target.starts_with('/') || has_control_character(target) ||
      target.find(' ') != std::string_view::npos || has_control_character(content_type) ||
      has_control_character(user_agent)) {
    return Error(Code::kInvalid, "request \"" + std::string(method) + " " + std::string(target) +
                                     "\": expected a method and an encoded path");
  }
  Outgoing out;
  out.head_only = method == "HEAD";
  out.head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
  out.head.append(url.authority()).append("\r\n");
  if (!user_agent.empty()) out.head.append("User-Agent: ").append(user_agent).append("\r\n");
  if (!body.empty() || (method != "GET" && method != "HEAD")) {
    out.head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  if (!content_type.empty()) out.head.append("Content-Type: ").append(content_type).append("\r\n");
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || has_control_character(value)) {
      return Error(Code::kInvalid,
                   "request header \"" + name + "\": a name or value is not allowed");
    }
    out.head.append(name).append(": ").append(value).append("\r\n");
  }
  out.head += "\r\n";
  if (body.size() <= kSmallBody) {
    out.head.append(base::as_text(body));
  } else {
    out.body = body;
  }
  return out;
}

// One connection to the server, with what was received and not yet parsed.
struct Line {
  os::Descriptor socket;
  std::unique_ptr<Stream> stream;
  base::Bytes inbox;
};

class BlockingClient : public Client {
 public:
  BlockingClient(ClientOptions options, Url url, std::unique_ptr<Tls> tls, os::Descriptor cancel)
      : options_(std::move(options)),
        url_(std::move(url)),
        tls_(std::move(tls)),
        cancel_(std::move(cancel)) {}

  base::Result<ClientResponse> send(std::string_view method, std::string_view target,
                                    base::ByteView body, std::string_view content_type,
                                    const Headers& headers) override {
    LANDER_ASSIGN(const Outgoing out,
                  request(url_, options_.user_agent, method, target, body, content_type, headers));
    auto response = perform(out);
    if (!response.ok()) return response.error().context(place(method, target));
    return response;
  }

  base::Status events(std::string_view target, const Headers& headers,
                      const EventReader::Visit& visit) override {
    Headers asking = headers;
    asking.emplace_back("Accept", "text/event-stream");
    LANDER_ASSIGN(const Outgoing out,
                  request(url_, options_.user_agent, "GET", target, {}, "", asking));
    hang_up();  // a stream takes its connection with it
    auto status = follow(out, visit);
    hang_up();
    if (!status.ok()) return status.error().context(place("GET", target));
    return {};
  }

  void cancel() override {
    // Can only fail when the counter is full, and then it can be read already.
    [[maybe_unused]] const int result = eventfd_write(cancel_.get(), 1);
  }

  std::uint64_t bytes_sent() const override {
    return sent_ + (line_ ? line_->stream->bytes_out() : 0);
  }
  std::uint64_t bytes_received() const override {
    return received_ + (line_ ? line_->stream->bytes_in() : 0);
  }

 private:
  std::string place(std::string_view method, std::string_view target) const {
    return std::string(method) + (tls_ ? " https://" : " http://") + url_.authority() +
           std::string(target);
  }

  base::Result<ClientResponse> perform(const Outgoing& out) {
    const base::DurationUs deadline = now_us() + options_.total_timeout;
    if (line_ && !still_open()) hang_up();
    bool reused = line_ != nullptr;
    while (true) {
      if (!line_) LANDER_TRY(connect(deadline));
      bool answering = false;
      auto response = exchange(out, deadline, answering);
      if (response.ok()) return response;
      hang_up();
      if (!reused || answering || response.error().code() != Code::kUnavailable) return response;
      reused = false;
    }
  }

  base::Status connect(base::DurationUs deadline) {
    deadline = std::min(deadline, now_us() + options_.connect_timeout);
    auto line = std::make_unique<Line>();
    LANDER_ASSIGN(line->socket, connect_to(url_.host, url_.port, deadline, cancel_.get()));
    line->stream =
        tls_ ? tls_->connect(line->socket.get(), url_.host) : plain_stream(line->socket.get());
    line_ = std::move(line);
    while (true) {
      const Io io = line_->stream->handshake();
      if (io == Io::kDone) return {};
      auto status =
          io == Io::kEnd || io == Io::kFailed ? line_->stream->failure() : wait(io, deadline);
      if (status.ok()) continue;
      hang_up();
      return status.error().context("TLS handshake");
    }
  }

  base::Status wait(Io io, base::DurationUs deadline) {
    return wait_for(line_->socket.get(), io == Io::kWantWrite ? POLLOUT : POLLIN, deadline,
                    cancel_.get());
  }

  void hang_up() {
    if (!line_) return;
    line_->stream->shutdown();
    sent_ += line_->stream->bytes_out();
    received_ += line_->stream->bytes_in();
    line_.reset();
  }

  // An idle connection has nothing to say; if it has, it is the end.
  bool still_open() {
    std::size_t count = 0;
    return line_->stream->read(buffer_, count) == Io::kWantRead;
  }

  base::Result<ClientResponse> exchange(const Outgoing& out, base::DurationUs deadline,
                                        bool& answering) {
    LANDER_ASSIGN(const bool complete, write(out, deadline));
    ResponseParser parser(out.head_only, options_.max_response);
    LANDER_TRY(
        read_until([&] { return parser.done(); }, parser, out.head_only, deadline, answering));
    const ResponseHead& head = *parser.head();
    ClientResponse response;
    response.status = head.status;
    response.headers.assign(head.fields.begin(), head.fields.end());
    if (auto type = head.fields.find("content-type"); type != head.fields.end()) {
      response.content_type = type->second;
    }
    response.body = parser.take_body();
    if (!complete || !head.keep_alive || !line_->inbox.empty()) hang_up();
    return response;
  }

  // False: the server answers already, without having taken all (it refuses the body).
  base::Result<bool> write(const Outgoing& out, base::DurationUs deadline) {
    for (base::ByteView rest : {base::as_bytes(out.head), out.body}) {
      while (!rest.empty()) {
        std::size_t count = 0;
        Io io = line_->stream->write(rest, count);
        if (io == Io::kDone) {
          rest = rest.subspan(count);
          continue;
        }
        if (io == Io::kFailed || io == Io::kEnd) return false;  // its answer may still stand there
        const short events = io == Io::kWantWrite ? POLLOUT | POLLIN : POLLIN;
        LANDER_TRY(wait_for(line_->socket.get(), events, deadline, cancel_.get()));
        LANDER_ASSIGN(io, read_some());
        if (io == Io::kDone || io == Io::kEnd) return false;
      }
    }
    return true;
  }

  base::Result<Io> read_some() {
    std::size_t count = 0;
    const Io io = line_->stream->read(buffer_, count);
    if (io == Io::kFailed) return line_->stream->failure();
    line_->inbox.insert(line_->inbox.end(), buffer_.begin(),
                        buffer_.begin() + static_cast<std::ptrdiff_t>(count));
    return io;
  }

  // Feeds the parser until `enough`; interim 1xx answers are passed over.
  template <class Enough>
  base::Status read_until(const Enough& enough, ResponseParser& parser, bool head_only,
                          base::DurationUs deadline, bool& answering) {
    bool ended = false;
    while (true) {
      base::Bytes& inbox = line_->inbox;
      answering = answering || !inbox.empty();
      LANDER_ASSIGN(const std::size_t used, parser.feed(inbox));
      inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(used));
      if (parser.done() && parser.head()->status < 200) {
        parser = ResponseParser(head_only, options_.max_response);
        continue;
      }
      if (enough()) return {};
      if (ended) return parser.end();
      LANDER_ASSIGN(const Io io, read_some());
      if (io == Io::kEnd) {
        LANDER_TRY(parser.end());
        ended = true;
      } else if (io != Io::kDone) {
        LANDER_TRY(wait(io, deadline));
      }
    }
  }

  base::Status follow(const Outgoing& out, const EventReader::Visit& visit) {
    const base::DurationUs deadline = now_us() + options_.total_timeout;
    LANDER_TRY(connect(deadline));
    auto written = write(out, deadline);
    if (!written.ok()) return written.error();
    ResponseParser parser(false, SIZE_MAX);
    bool answering = false;
    LANDER_TRY(
        read_until([&] { return parser.head() != nullptr; }, parser, false, deadline, answering));
    if (parser.head()->status != 200) {
      return Error(code_of(parser.head()->status),
                   "the server answered " + std::to_string(parser.head()->status));
    }
    EventReader reader;
    while (true) {
      const base::Bytes body = parser.take_body();
      LANDER_ASSIGN(const bool more, reader.feed(base::as_text(body), visit));
      if (!more || parser.done()) return {};
      LANDER_ASSIGN(const Io io, read_some());
      if (io == Io::kEnd) return {};
      if (io != Io::kDone) LANDER_TRY(wait(io, now_us() + options_.total_timeout));
      LANDER_ASSIGN(const std::size_t used, parser.feed(line_->inbox));
      line_->inbox.erase(line_->inbox.begin(),
                         line_->inbox.begin() + static_cast<std::ptrdiff_t>(used));
    }
  }

  ClientOptions options_;
  Url url_;
  std::unique_ptr<Tls> tls_;  // null: plain
  os::Descriptor cancel_;
  std::unique_ptr<Line> line_;  // null: not connected
  std::array<std::uint8_t, 16 << 10> buffer_;
  std::uint64_t sent_ = 0, received_ = 0;  // on earlier connections
};

}  // namespace

Error refusal(const ClientResponse& response, std::string_view who) {
  std::string text = std::string(who) + " answered " + std::to_string(response.status);
  const auto problem = nlohmann::json::parse(response.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail") && problem["detail"].is_string()) {
    text += ": " + problem["detail"].get<std::string>().substr(0, 500);
  }
  return Error(code_of(response.status), text);
}

base::Result<std::unique_ptr<Client>> Client::make(const ClientOptions& options) {
  LANDER_ASSIGN(Url url, parse_url(options.url));
  if (url.target != "/") {
    return Error(Code::kInvalid, "URL \"" + options.url + "\": a path does not belong here");
  }
  std::unique_ptr<Tls> tls;
  if (url.tls) {
    LANDER_ASSIGN(tls,
                  Tls::client(options.pinned_key_id, options.certificate_pem, options.key_pem));
  } else if (!options.pinned_key_id.empty() || !options.certificate_pem.empty()) {
    return Error(Code::kInvalid, "URL \"" + options.url + "\": a key is proven over https:// only");
  }
  os::Descriptor cancel(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel.valid()) return os::system_error("eventfd", errno);
  return std::unique_ptr<Client>(
      std::make_unique<BlockingClient>(options, std::move(url), std::move(tls), std::move(cancel)));
}

}  // namespace lander::http
