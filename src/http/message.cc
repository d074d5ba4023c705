#include "http/message.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace lander::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  out += "\r\n";
}

bool has_header(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

Response of_text(int status, const char* type, std::string text) {
  Response response;
  response.status = status;
  response.content_type = type;
  response.body.assign(text.begin(), text.end());
  return response;
}

}  // namespace

Response Response::json(int status, std::string text) {
  return of_text(status, "application/json", std::move(text));
}

Response Response::text(int status, std::string text) {
  return of_text(status, "text/plain; charset=utf-8", std::move(text));
}

Response Response::problem(const base::Error& error) {
  return problem_response(
      {status_of(error.code()), std::string(base::to_string(error.code())), error.message()});
}

Response problem_response(const Refusal& refusal) {
  const nlohmann::ordered_json body = {
      {"status", refusal.status}, {"code", refusal.code}, {"detail", refusal.detail}};
  // Details may quote input: bytes that are not UTF-8 are replaced rather than thrown at.
  return of_text(refusal.status, "application/problem+json",
                 body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int status_of(base::Code code) {
  using base::Code;
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kExists:
    case Code::kConflict:
      return 409;
    case Code::kCorrupt:
      return 422;
    case Code::kExhausted:
      return 429;
    case Code::kUnsupported:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kIo:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

base::Code code_of(int status) {
  using base::Code;
  switch (status) {
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kDenied;
    case 404:
    case 405:
      return Code::kNotFound;
    case 409:
      return Code::kConflict;
    case 413:
    case 507:
      return Code::kExhausted;
    case 408:
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 400 && status < 500 ? Code::kInvalid : Code::kUnavailable;
  }
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

std::string reply_head(const Response& response, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\n";
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) append_header(out, "Content-Length", std::to_string(response.body.size()));
  if (response.bare) return out + (keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
  if (!bodiless) append_header(out, "Content-Type", response.content_type);
  if (!has_header(response, "Cache-Control")) append_header(out, "Cache-Control", "no-store");
  if (!has_header(response, "X-Content-Type-Options")) {
    append_header(out, "X-Content-Type-Options", "nosniff");
  }
  for (const auto& [name, value] : response.headers) append_header(out, name, value);
  append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  return out + "\r\n";
}

std::string event_stream_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
         "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
}

std::string event_text(std::string_view event, std::string_view data) {
  std::string out;
  out.reserve(event.size() + data.size() + 24);
  if (!event.empty()) {
    out += "event: ";
    for (char c : event) out += c == '\n' || c == '\r' ? ' ' : c;
    out += '\n';
  }
  out += "data: ";
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == '\r' && i + 1 < data.size() && data[i + 1] == '\n') continue;
    if (data[i] == '\n' || data[i] == '\r') {
      out += "\ndata: ";
    } else {
      out += data[i];
    }
  }
  return out + "\n\n";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace lander::http
