// The server against peers that say what they like, over plain sockets on loopback.
#include "http/server.h"

#include <mutex>
#include <thread>

#include "http/loopback_test.h"

namespace lander::http {
namespace {

std::string ask(const Server& server, std::string_view text) {
  RawConnection peer(server.port());
  peer.say(text);
  peer.say_no_more();
  return peer.hear_all();
}

TEST(Server, AnswersAMalformedRequestWithWhatIsWrongAndCloses) {
  auto server = start_server(plain_options());
  const struct {
    std::string request;
    const char *status, *detail;
  } table[] = {
      {"hello\r\n\r\n", "400", "malformed"},
      {"GET /hello\r\n\r\n", "400", "malformed"},
      {"GET /hello HTTP/1.1\r\n\r\n", "400", "Host"},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "Host"},
      {"GET /hello HTTP/3.0\r\nHost: a\r\n\r\n", "505", "HTTP/1.1"},
      {"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", "400", "malformed"},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400", "malformed"},
      {"GET /hello HTTP/1.1\r\nHost: a\x01\r\n\r\n", "400", "malformed"},
      {"GET /../etc HTTP/1.1\r\nHost: a\r\n\r\n", "400", "segments"},
      {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400", "hex"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "400", "malformed"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400",
       "malformed"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400", "malformed"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501", "chunked"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400",
       "malformed"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
           std::string(60'000, 'x'),
       "400", "too long"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", "417", "100-continue"},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431",
       "16384"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n" + std::string(1025, 'x'),
       "413", "1024"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", "413", "1024"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n", "413",
       "1024"},
  };
  for (const auto& row : table) {
    const std::string answer = ask(*server, row.request);
    const std::string line = row.request.substr(0, 90);
    EXPECT_EQ(answer.substr(0, 13), std::string("HTTP/1.1 ") + row.status + " ") << line;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << line;
    EXPECT_NE(answer.find(row.detail), std::string::npos) << line << "\n" << answer;
    EXPECT_EQ(count_of(answer, "HTTP/1.1 "), 1 + (row.detail == std::string("HTTP/1.1"))) << line;
  }
  EXPECT_EQ(server->stats().refused, std::size(table));
  EXPECT_NE(ask(*server, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").find("hello"),
            std::string::npos);
}

TEST(Server, ReadsARequestHoweverItIsCut) {
  auto server = start_server(plain_options());
  const std::string request =
      "\r\nPUT /sites/a%20b/x?q=1+2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
  RawConnection peer(server->port());
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    ASSERT_TRUE(peer.say(request.substr(0, cut)));
    ASSERT_TRUE(peer.say(request.substr(cut)));
    ASSERT_NE(peer.hear("a b|1 2").find("200 OK"), std::string::npos) << cut;
  }
}

TEST(Server, SurvivesEveryByteOfARequestFlipped) {
  auto server = start_server(plain_options());
  const std::string request = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  for (std::size_t at = 0; at < request.size(); ++at) {
    std::string bent = request;
    bent[at] = static_cast<char>(bent[at] ^ (1 << (at % 8)));
    const std::string answer = ask(*server, bent);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << at;
  }
  EXPECT_NE(ask(*server, request).find("abc"), std::string::npos);
}

TEST(Server, SaysWhatIsMissingAndWhichMethodsThereAre) {
  auto server = start_server(plain_options());
  const std::string answers = ask(*server,
                                  "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "GET /files/a/b%20c HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(count_of(answers, "404 Not Found"), 1u);
  EXPECT_NE(answers.find("Allow: GET\r\n"), std::string::npos);
  EXPECT_NE(answers.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(count_of(answers, "hello"), 1u);  // in the 405's text: HEAD has no body
  EXPECT_NE(answers.find("a/b c"), std::string::npos);
  EXPECT_NE(answers.find("X-Content-Type-Options: nosniff"), std::string::npos);
}

TEST(Server, AnswersPipelinedRequestsInTheirOrder) {
  auto server = start_server(plain_options());
  std::string requests, expected;
  for (int i = 0; i < 500; ++i) {
    const std::string body = std::to_string(i) + ";";
    requests += "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body;
    expected += body;
  }
  const std::string answers = ask(*server, requests);
  std::string bodies;
  for (std::size_t at = 0; (at = answers.find("\r\n\r\n", at)) != std::string::npos;) {
    at += 4;
    bodies += answers.substr(at, answers.find(';', at) + 1 - at);
  }
  EXPECT_EQ(bodies, expected);
  EXPECT_EQ(server->stats().requests, 500u);
}

TEST(Server, ClosesWhenAnHttp10ClientIsAnswered) {
  auto server = start_server(plain_options());
  RawConnection peer(server->port());
  peer.say("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_NE(peer.hear_all().find("Connection: close"), std::string::npos);
}

TEST(Server, TellsAClientToGoOnWithABodyItWaitsToSend) {
  auto server = start_server(plain_options());
  RawConnection peer(server->port());
  peer.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.hear("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.say("abc");
  EXPECT_NE(peer.hear("abc").find("200 OK"), std::string::npos);
}

TEST(Server, AHeadThatDribblesInIsCutOffWithAReason) {
  auto options = plain_options();
  options.head_timeout = 50 * base::kMillisecond;
  auto server = start_server(options);
  RawConnection peer(server->port());
  peer.say("GET /hello HT");
  EXPECT_NE(peer.hear_all().find("408 Request Timeout"), std::string::npos);
}

TEST(Server, ABodyThatDoesNotComeIsCutOffWithAReason) {
  auto options = plain_options();
  options.body_timeout = 50 * base::kMillisecond;
  auto server = start_server(options);
  RawConnection peer(server->port());
  peer.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc");
  EXPECT_NE(peer.hear_all().find("the body did not arrive in time"), std::string::npos);
}

TEST(Server, AnIdleConnectionIsClosedWithoutAWord) {
  auto options = plain_options();
  options.idle_timeout = 50 * base::kMillisecond;
  auto server = start_server(options);
  RawConnection silent(server->port());
  EXPECT_EQ(silent.hear_all(), "");
  RawConnection once(server->port());
  once.say("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(count_of(once.hear_all(), "HTTP/1.1"), 1u);
}

TEST(Server, TheLongestIdleConnectionMakesRoomForANewOne) {
  auto options = plain_options();
  options.max_connections = 2;
  auto server = start_server(options);
  const std::string hello = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
  RawConnection first(server->port()), second(server->port());
  first.say(hello);
  first.hear("hello");
  second.say(hello);
  second.hear("hello");
  RawConnection third(server->port());
  third.say(hello);
  EXPECT_NE(third.hear("hello").find("200 OK"), std::string::npos);
  EXPECT_EQ(first.hear_all(), "");
  second.say(hello);
  EXPECT_NE(second.hear("hello").find("200 OK"), std::string::npos);
}

TEST(Server, WhenAllConnectionsAreBusyANewOneIsToldToComeBack) {
  auto options = plain_options();
  options.max_connections = 1;
  auto server = start_server(options);
  std::mutex mutex;
  std::vector<Responder> held;
  server->route("GET", "/held", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    held.push_back(std::move(responder));
  });
  RawConnection busy(server->port());
  busy.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  busy.hear("100 Continue\r\n\r\n");
  RawConnection late(server->port());
  late.say("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = late.hear_all();
  EXPECT_NE(answer.find("503 Service Unavailable"), std::string::npos);
  EXPECT_NE(answer.find("Retry-After: 5"), std::string::npos);
  busy.say("ok");
  EXPECT_NE(busy.hear("ok").find("200 OK"), std::string::npos);
}

TEST(Server, BodiesOfAllConnectionsTogetherAreBounded) {
  auto options = plain_options();
  options.max_bodies_bytes = 1500;
  auto server = start_server(options);
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n";
  RawConnection first(server->port()), second(server->port());
  first.say(head);
  first.hear("100 Continue\r\n\r\n");
  second.say(head);
  EXPECT_NE(second.hear_all().find("503 Service Unavailable"), std::string::npos);
  first.say(std::string(1000, 'x'));
  EXPECT_NE(first.hear("xxxx").find("200 OK"), std::string::npos);
  RawConnection third(server->port());
  third.say(head);
  EXPECT_NE(third.hear("\r\n\r\n").find("100 Continue"), std::string::npos);
}

TEST(Server, ARequestWhoseResponderIsDroppedIsAnswered500) {
  auto server = start_server(plain_options());
  server->route("GET", "/forgotten", 0, [](Request, Responder) {});
  const std::string answer = ask(*server, "GET /forgotten HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(answer.find("500 Internal Server Error"), std::string::npos);
}

TEST(Server, IsAnsweredFromAnyThread) {
  auto server = start_server(plain_options());
  std::vector<std::thread> workers;
  std::mutex mutex;
  server->route("GET", "/worker", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    workers.emplace_back([answer = std::make_shared<Responder>(std::move(responder))] {
      answer->reply(Response::text(200, "from a worker"));
    });
  });
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += "GET /worker HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(count_of(ask(*server, requests), "from a worker"), 20u);
  for (auto& worker : workers) worker.join();
}

TEST(Server, StopsWithRequestsAndStreamsInFlightAndLateAnswersGoNowhere) {
  auto server = start_server(plain_options());
  std::mutex mutex;
  std::vector<Responder> held;
  std::shared_ptr<EventStream> stream;
  server->route("GET", "/held", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    held.push_back(std::move(responder));
  });
  server->route("GET", "/events", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    stream = responder.stream();
    stream->send("a", "b");
  });
  RawConnection waiting(server->port()), listening(server->port()), halfway(server->port());
  halfway.say("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc");
  waiting.say("GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
  listening.say("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  listening.hear("data: b");
  while (server->stats().requests < 2) std::this_thread::yield();
  server.reset();
  EXPECT_EQ(waiting.hear_all(), "");
  EXPECT_FALSE(stream->send("a", "c"));
  ASSERT_EQ(held.size(), 1u);
  held[0].reply(Response::text(200, "too late"));
}

TEST(Server, ADeadClientsEventStreamIsLetGo) {
  auto server = start_server(plain_options());
  std::mutex mutex;
  std::shared_ptr<EventStream> stream;
  server->route("GET", "/events", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    stream = responder.stream();
  });
  {
    RawConnection peer(server->port());
    peer.say("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_NE(peer.hear("\r\n\r\n").find("text/event-stream"), std::string::npos);
  }
  std::lock_guard lock(mutex);
  while (stream->send("still", "there")) std::this_thread::yield();
  while (server->stats().connections > 0) std::this_thread::yield();
}

TEST(Server, AReaderOfEventsThatFallsBehindIsDroppedAndTheProducerToldSo) {
  auto server = start_server(plain_options());
  std::mutex mutex;
  std::shared_ptr<EventStream> stream;
  server->route("GET", "/events", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    stream = responder.stream();
  });
  RawConnection peer(server->port());
  peer.say("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  peer.hear("\r\n\r\n");
  const std::string data(8000, 'x');
  std::lock_guard lock(mutex);
  std::size_t sent = 0;
  while (stream->send("flood", data) && sent < (64u << 20)) sent += data.size();
  EXPECT_LT(sent, 64u << 20);
  EXPECT_LT(peer.hear_all().size(), 65u << 20);  // the server has closed
}

TEST(Server, EventsReachTheirReaderInOrderAndTheStreamEndsWithItsProducer) {
  auto options = plain_options();
  options.event_keep_alive = 20 * base::kMillisecond;
  auto server = start_server(options);
  std::mutex mutex;
  std::shared_ptr<EventStream> stream;
  server->route("GET", "/events", 0, [&](Request, Responder responder) {
    std::lock_guard lock(mutex);
    stream = responder.stream();
  });
  RawConnection peer(server->port());
  peer.say("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(peer.hear(":\n\n").find("text/event-stream"), std::string::npos);  // kept alive
  {
    std::lock_guard lock(mutex);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(stream->send("n", std::to_string(i)));
    stream.reset();
  }
  const std::string heard = peer.hear_all();
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = heard.find("data: " + std::to_string(i) + "\n\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(Server, SaysWhyItCannotStart) {
  auto options = plain_options();
  options.host = "203.0.113.1";  // TEST-NET-3: not ours
  auto elsewhere = Server::start(options);
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_NE(elsewhere.error().message().find("203.0.113.1"), std::string::npos);
  auto server = start_server(plain_options());
  auto taken = plain_options();
  taken.port = server->port();
  EXPECT_FALSE(Server::start(taken).ok());
  ServerOptions no_certificate;
  EXPECT_FALSE(Server::start(no_certificate).ok());
}

}  // namespace
}  // namespace lander::http
