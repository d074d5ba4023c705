#include "http/message.h"

#include <gtest/gtest.h>

#include "http/event_reader.h"
#include "http/parser.h"
#include "http/router.h"
#include "http/url.h"

namespace lander::http {
namespace {

TEST(Url, SaysHostPortAndTargetOfEveryForm) {
  auto plain = parse_url("http://[::1]:8080/hook?a=b");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->authority(), "[::1]:8080");
  EXPECT_EQ(plain->target, "/hook?a=b");
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(parse_url("https://hub.example")->port, 443);
  EXPECT_EQ(parse_url("http://hub?x")->target, "/?x");
}

TEST(Url, RefusesWhatIsNoAddressOfAServer) {
  for (const char* text : {"", "hub:8080", "ftp://hub", "https://", "https://user@hub/",
                           "https://hub:0", "https://hub:", "https://hub:70000", "https://hub:8x",
                           "https://[::1", "https://hub/#part", "https://a b/"}) {
    EXPECT_FALSE(parse_url(text).ok()) << text;
  }
}

TEST(Target, CannotClimbOutOfAFolderHoweverTheDotsAreSpelt) {
  for (const char* text : {"/a/../b", "/..", "/%2e%2e/x", "/a/%2E./b", "/x/..%2f..%2fy", "/./a"}) {
    EXPECT_FALSE(parse_target(text).ok()) << text;
  }
  EXPECT_EQ(parse_target("/a/..b/c...")->path, "/a/..b/c...");
}

TEST(Target, RefusesBadEscapesAndControlCharactersAndAmbiguousQueries) {
  for (const char* text :
       {"", "*", "a/b", "/%", "/%4", "/%zz", "/%00", "/%0a", "/?q=%00", "/?a=1&a=2"}) {
    EXPECT_FALSE(parse_target(text).ok()) << text;
  }
  auto target = parse_target("http://any/p%20q?a=1+2&b=%0Ax&c");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/p q");
  EXPECT_EQ(target->query.at("a"), "1 2");
  EXPECT_EQ(target->query.at("b"), "\nx");
  EXPECT_EQ(target->query.at("c"), "");
}

TEST(Router, TakesTheFirstRouteThatFitsAndDecodesItsParameters) {
  Router router;
  auto nothing = [](Request, Responder) {};
  router.add("GET", "/sites/new", 1, nothing);
  router.add("GET", "/sites/{site}", 2, nothing);
  router.add("PUT", "/sites/{site}", 3, nothing);
  router.add("GET", "/*", 4, nothing);
  EXPECT_EQ(router.find("GET", "/sites/new").route->max_body, 1u);
  auto site = router.find("HEAD", "/sites/a%2Fb");
  EXPECT_EQ(site.route->max_body, 2u);
  EXPECT_EQ(site.params.at("site"), "a/b");
  EXPECT_EQ(router.find("PUT", "/sites/x").route->max_body, 3u);
  EXPECT_EQ(router.find("GET", "/sites/").route->max_body, 4u);
  EXPECT_EQ(router.find("GET", "/a/b/c").params.at("*"), "a/b/c");
  auto refused = router.find("DELETE", "/sites/x");
  EXPECT_FALSE(refused.route);
  EXPECT_EQ(refused.allowed, "GET, PUT");
}

TEST(Message, AHeaderMadeOfInputCannotAddAnother) {
  Response response = Response::text(200, "x");
  response.headers.push_back({"Location", "/a\r\nSet-Cookie: admin=1"});
  EXPECT_EQ(reply_head(response, true).find("\r\nSet-Cookie"), std::string::npos);
}

TEST(Message, ABareReplySaysOnlyWhereItEnds) {
  Response response;
  response.bare = true;
  response.body = {1, 2, 3};
  response.headers = {{"X-Other", "1"}};
  EXPECT_EQ(reply_head(response, true), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(reply_head(response, false),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
}

TEST(Message, AProblemQuotesWhateverBytesItIsGiven) {
  auto response = Response::problem(base::Error(base::Code::kInvalid, "got \"\xff\xfe\""));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(std::string(response.body.begin(), response.body.end()).find("\"code\":\"invalid\""),
            std::string::npos);
}

TEST(Events, ReadBackAsTheyWereWrittenHoweverTheyAreCut) {
  const std::string text = ":\n\n" + event_text("alert", "one\ntwo\r\nthree\n") + ": c\r\n\r\n" +
                           event_text("", "plain") + "retry: 5\ndata\n\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EventReader reader;
    std::vector<std::string> seen;
    auto visit = [&](std::string_view event, std::string_view data) {
      seen.push_back(std::string(event) + "=" + std::string(data));
      return true;
    };
    ASSERT_TRUE(reader.feed(text.substr(0, cut), visit).ok());
    ASSERT_TRUE(reader.feed(text.substr(cut), visit).ok());
    EXPECT_EQ(seen,
              (std::vector<std::string>{"alert=one\ntwo\nthree\n", "message=plain", "message="}));
  }
}

TEST(Events, OneWithoutAnEndIsRefusedInsteadOfKept) {
  EventReader reader;
  const std::string line = "data: " + std::string(100'000, 'x') + "\n";
  bool refused = false;
  for (int i = 0; i < 20 && !refused; ++i) {
    refused = !reader.feed(line, [](auto, auto) { return true; }).ok();
  }
  EXPECT_TRUE(refused);
}

// Feeds in two pieces, as a connection does.
base::Status feed_cut(ResponseParser& parser, std::string_view text, std::size_t cut) {
  base::Bytes inbox;
  for (std::string_view piece : {text.substr(0, cut), text.substr(cut)}) {
    inbox.insert(inbox.end(), piece.begin(), piece.end());
    LANDER_ASSIGN(const std::size_t used, parser.feed(inbox));
    inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(used));
  }
  return {};
}

TEST(ResponseParser, ReadsChunkedAndUntilCloseBodiesHoweverTheyAreCut) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: "
      "x\r\n\r\n";
  const std::string closed = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhello!";
  for (const std::string& text : {chunked, closed}) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      ResponseParser parser(false, 100);
      ASSERT_TRUE(feed_cut(parser, text, cut).ok()) << cut;
      ASSERT_TRUE(parser.end().ok()) << cut;
      EXPECT_EQ(base::as_text(parser.take_body()), "hello!");
    }
  }
}

TEST(ResponseParser, RefusesWhatIsNoResponseOrTooLarge) {
  const struct {
    std::string text;
    base::Code code;
  } table[] = {
      {"SSH-2.0-OpenSSH\r\n\r\n", base::Code::kCorrupt},
      {"HTTP/1.1 2000 OK\r\n\r\n", base::Code::kCorrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", base::Code::kCorrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", base::Code::kExhausted},
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), base::Code::kExhausted},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", base::Code::kCorrupt},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n", base::Code::kExhausted},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", base::Code::kUnsupported},
      {"HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x'), base::Code::kCorrupt},
  };
  for (const auto& row : table) {
    ResponseParser parser(false, 100);
    auto status = feed_cut(parser, row.text, row.text.size());
    ASSERT_FALSE(status.ok()) << row.text.substr(0, 60);
    EXPECT_EQ(status.error().code(), row.code) << row.text.substr(0, 60);
  }
}

TEST(ResponseParser, SaysThatAResponseWasCutAnywhereBeforeItsEnd) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";
  for (std::size_t size = 0; size < text.size(); ++size) {
    ResponseParser parser(false, 100);
    ASSERT_TRUE(feed_cut(parser, text.substr(0, size), size / 2).ok()) << size;
    EXPECT_FALSE(parser.end().ok()) << size;
  }
}

}  // namespace
}  // namespace lander::http
