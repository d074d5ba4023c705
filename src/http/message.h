// The text of HTTP/1.1 messages that we send, and the refusals that the server itself answers.
#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace lander::http {

// Why a request was not served; `code` is for programs, `detail` for people.
struct Refusal {
  int status = 400;
  std::string code, detail;
};
Response problem_response(const Refusal& refusal);

int status_of(base::Code code);
// What a client can do about a status that is not 2xx.
base::Code code_of(int status);
std::string_view reason_phrase(int status);

// Status line and headers, blank line included. Adds Content-Type, Content-Length, Connection and,
// unless the response sets them, "Cache-Control: no-store" and "X-Content-Type-Options: nosniff";
// of a bare one only Content-Length and, at the connection's end, "Connection: close".
// Control characters in the values (a header could be made of input) become blanks.
std::string reply_head(const Response& response, bool keep_alive);
// The head of a stream of server-sent events, which ends with its connection.
std::string event_stream_head();
// One event; line breaks within `data` become further data lines.
std::string event_text(std::string_view event, std::string_view data);

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace lander::http
