// What each area asks of the server, and what it makes of the answer.
#include "base/cbor.h"
#include "cli/peer_test.h"
#include "trust/trust.h"

namespace lander::cli {
namespace {

using Lines = std::vector<std::string>;

const char* const kAlert = "01a200e7-857b-7320-a70a-661861da89eb";

Json alert() {
  return {
      {"id", kAlert},
      {"site", "pump-7"},
      {"asset", "line-1/pump-1"},
      {"title", "High vibration"},
      {"severity", "high"},
      {"state", "active-unacknowledged"},
      {"raised", "2026-11-22T11:58:00Z"},
      {"causes",
       {{{"datastream", "vib"},
         {"share", 0.82},
         {"value", 9.8},
         {"expected", 2.1},
         {"unit", "mm/s"}}}},
      {"evidence",
       {{"from", "2026-11-22T11:57:00Z"},
        {"to", "2026-11-22T11:58:00Z"},
        {"series", {{{"datastream", "vib"}, {"points", {{1, 2.0}, {2, nullptr}, {3, 9.8}}}}}}}}};
}

TEST_F(CliTest, ASitesNameIsImpliedAtTheSiteAndAskedForAtAHubOfMany) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites/pump-7/datastreams", 200, Json::array());
  EXPECT_EQ(at_peer({"datastreams"}), 0) << err_;
  peer_.is("hub", "hub");
  peer_.says("GET /api/v1/sites", 200, {{{"site", "a"}}, {{"site", "b"}}});
  EXPECT_EQ(at_peer({"datastreams"}), 2);
  EXPECT_NE(err_.find("which site? Say --site NAME: a, b"), std::string::npos) << err_;
  peer_.says("GET /api/v1/sites/b/datastreams", 200, Json::array());
  EXPECT_EQ(at_peer({"datastreams", "--site", "b"}), 0) << err_;
  EXPECT_EQ(at_peer({"datastreams", "b"}), 0) << err_;
  EXPECT_EQ(at_peer({"datastreams", "a", "--site", "b"}), 2);
}

TEST_F(CliTest, AFileGoesToTheSiteThatItNames) {
  peer_.is("hub", "hub");
  write("site.yaml", "site: pump-9\n");
  const std::string path = folder_ + "/site.yaml";
  peer_.says("POST /api/v1/sites/pump-9/desired", 200,
             {{"revision", 4}, {"changes", {"declare datastream/p1"}}});
  EXPECT_EQ(at_peer({"apply", path, "--dry-run"}), 0) << err_;
  EXPECT_EQ(peer_.asked(),
            Lines{"POST /api/v1/sites/pump-9/desired?dry_run=1&file=" + path + " site: pump-9\n"});
  EXPECT_EQ(out_, "  declare datastream/p1\nSite pump-9: this would change; nothing did.\n");
  EXPECT_EQ(at_peer({"apply", path, "--site", "pump-1"}), 2);
  EXPECT_TRUE(peer_.asked().empty());
}

TEST_F(CliTest, EveryMistakeOfAFileIsToldAtItsPlace) {
  peer_.is("site", "pump-7");
  write("site.yaml", "sources: []\n");
  peer_.says("POST /api/v1/sites/pump-7/desired", 422,
             {{"status", 422},
              {"code", "invalid"},
              {"detail", "s.yaml:1:2: what\ns.yaml:3:4: that"},
              {"mistakes", {"s.yaml:1:2: what", "s.yaml:3:4: that"}}});
  EXPECT_EQ(at_peer({"apply", folder_ + "/site.yaml"}), 1);
  EXPECT_EQ(err_, "s.yaml:1:2: what\ns.yaml:3:4: that\n");
}

TEST_F(CliTest, TheTwinTellsTheReasonOfEveryDifference) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites/pump-7/twin", 200,
             {{"desired",
               {{"revision", 3},
                {"origin", "hub"},
                {"author", "user:anna"},
                {"created", "2026-11-22T11:59:48Z"},
                {"yaml", "site: pump-7\n"}}},
              {"reported",
               {{"desired_revision", 3},
                {"software", "0.1.0"},
                {"time", "2026-11-22T11:59:59.500Z"},
                {"components",
                 {{{"id", "app/pump-watch"},
                   {"status", "rolled-back"},
                   {"desired", "2.0.0"},
                   {"running", "1.0.0"},
                   {"reason", "health gate: 3 alerts"},
                   {"since", "2026-11-22T11:58:00Z"}}}}}},
              {"in_sync", false}});
  EXPECT_EQ(at_peer({"twin"}), 0) << err_;
  EXPECT_EQ(out_,
            "desired   revision 3, 12 s ago by user:anna at the hub\n"
            "reported  revision 3, just now, lander-site 0.1.0\n"
            "in sync   no\n"
            "\n"
            "COMPONENT       STATUS       SINCE      DESIRED  RUNNING  REASON\n"
            "app/pump-watch  rolled-back  2 min ago  2.0.0    1.0.0    health gate: 3 alerts\n");
  EXPECT_EQ(at_peer({"twin", "--yaml"}), 0);
  EXPECT_EQ(out_, "site: pump-7\n");
}

TEST_F(CliTest, AQueryShowsValueUnitQualityTimeAndItsError) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites/pump-7/observations", 200,
             {{"series",
               {{{"datastream",
                  {{"id", "vib"},
                   {"property", "vibration"},
                   {"asset", "line-1/pump-1"},
                   {"unit", "mm/s"},
                   {"sensor", {{"name", "VT-1"}, {"model", ""}, {"serial", "4711"}}},
                   {"source", "broker"},
                   {"address", "pump/1"}}},
                 {"samples",
                  {{{"time", "2026-11-22T11:59:00Z"},
                    {"value", 3.25},
                    {"quality", "Good"},
                    {"error_us", 2400}},
                   {{"time", "2026-11-22T11:59:01Z"},
                    {"value", nullptr},
                    {"quality", "BadSensorFailure"}}}}}}},
              {"truncated", true}});
  EXPECT_EQ(at_peer({"query", "--meaning", "vibration", "--last", "10m", "--limit", "2"}), 0);
  EXPECT_EQ(peer_.asked(), Lines{"GET /api/v1/sites/pump-7/observations?last=10m&limit=2&"
                                 "property=vibration"});
  EXPECT_EQ(out_,
            "vib  vibration, line-1/pump-1, sensor VT-1 4711, from broker pump/1\n"
            "TIME                  ERROR  VALUE  UNIT  QUALITY\n"
            "2026-11-22T11:59:00Z  ±2 ms   3.25  mm/s  Good\n"
            "2026-11-22T11:59:01Z  ±?         -  mm/s  BadSensorFailure\n");
  EXPECT_NE(err_.find("There is more"), std::string::npos);
  EXPECT_EQ(at_peer({"query", "--csv"}), 0);
  EXPECT_EQ(out_,
            "datastream,asset,property,time,time_error_us,value,unit,quality\n"
            "vib,line-1/pump-1,vibration,2026-11-22T11:59:00Z,2400,3.25,mm/s,Good\n"
            "vib,line-1/pump-1,vibration,2026-11-22T11:59:01Z,,,mm/s,BadSensorFailure\n");
  EXPECT_EQ(at_peer({"query", "--last", "1m", "--from", "2026-01-01T00:00:00Z"}), 2);
}

TEST_F(CliTest, AQueryHasALineForAWaveformAnObjectAndAnInterval) {
  peer_.is("site", "pump-7");
  const auto sample = [](Json value) {
    return Json{{"time", "2026-11-22T11:59:00Z"}, {"value", std::move(value)}, {"quality", "Good"}};
  };
  const std::string digest(64, 'a');
  peer_.says(
      "GET /api/v1/sites/pump-7/observations", 200,
      {{"series",
        {{{"datastream", {{"id", "x"}, {"unit", "mm/s"}}},
          {"samples",
           {sample({{"rate_hz", 25600}, {"samples", {1.5, nullptr, -2.0}}}),
            sample({{"rate_hz", 8.5}, {"count", 40}, {"least", nullptr}, {"most", nullptr}}),
            sample({{"sha256", digest}, {"bytes", 1234}, {"media_type", "image/png"}}),
            sample({{"end", "2026-11-22T12:00:30Z"}, {"duration_s", 90.0}, {"label", "batch 7"}}),
            sample({{"duration_s", 1e300}}), sample({{"what", "else"}})}}}}},
       {"truncated", false}});
  EXPECT_EQ(at_peer({"query"}), 0) << err_;
  for (const std::string& line :
       {std::string("3 samples at 25600 Hz, -2 to 1.5"), std::string("40 samples at 8.5 Hz  mm/s"),
        "image/png, 1234 bytes, " + digest,
        std::string("batch 7, for 90 s until 2026-11-22T12:00:30Z"),
        std::string("{\"what\":\"else\"}")}) {
    EXPECT_NE(out_.find(line), std::string::npos) << line << "\n" << out_;
  }
}

TEST_F(CliTest, AnObjectIsDownloadedAndCheckedAgainstItsName) {
  peer_.is("site", "pump-7");
  const std::string content = "\xFF\xD8 not JSON";
  const std::string digest = crypto::sha256_hex(base::as_bytes(content));
  const std::string file = folder_ + "/image.jpg";
  peer_.says_bytes("GET /api/v1/sites/pump-7/objects/" + digest, content);
  EXPECT_EQ(at_peer({"object", digest, "-o", file}), 0) << err_;
  EXPECT_EQ(base::as_text(*os::system_files().read(file, 100)), content);
  const std::string other(64, 'b');
  peer_.says_bytes("GET /api/v1/sites/pump-7/objects/" + other, content);
  EXPECT_EQ(at_peer({"object", other, "-o", file + ".other"}), 1);
  EXPECT_FALSE(os::system_files().exists(file + ".other"));
  EXPECT_EQ(at_peer({"object", "b00", "-o", file}), 2);
  EXPECT_EQ(at_peer({"object", digest}), 2);
}

TEST_F(CliTest, AnAlertIsFoundByTheEndOfItsIdAndAcknowledged) {
  peer_.is("hub", "hub");
  peer_.says("GET /api/v1/alerts", 200, Json::array({alert()}));
  EXPECT_EQ(at_peer({"alerts"}), 0) << err_;
  EXPECT_EQ(out_,
            "ALERT     SEVERITY  STATE                  RAISED     SITE    ASSET          WHAT\n"
            "61da89eb  high      active-unacknowledged  2 min ago  pump-7  line-1/pump-1  High "
            "vibration\n");
  const std::string path = "/api/v1/sites/pump-7/alerts/" + std::string(kAlert);
  peer_.says("POST " + path + "/events", 200, alert());
  peer_.asked();
  EXPECT_EQ(at_peer({"alerts", "ack", "61da89eb", "--comment", "seen"}), 0) << err_;
  EXPECT_EQ(peer_.asked().back(),
            "POST " + path + R"(/events {"comment":"seen","kind":"acknowledge"})");
  EXPECT_EQ(at_peer({"alerts", "shelve", "89eb", "--for", "2h"}), 0) << err_;
  EXPECT_EQ(peer_.asked().back(), "POST " + path + R"(/events {"for":"2h","kind":"shelve"})");
  EXPECT_EQ(at_peer({"alerts", "ack", "beef"}), 1);
  EXPECT_EQ(err_, "lander: no alert \"beef\"\n");
  peer_.says("GET " + path, 200, alert());
  EXPECT_EQ(at_peer({"alerts", "show", "89eb"}), 0) << err_;
  EXPECT_NE(out_.find(" 82 %  vib      9.8       2.1  mm/s       -\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("vib       ▁ █      2   9.8\n"), std::string::npos) << out_;
}

TEST_F(CliTest, LearningSaysFirstWhetherThereIsEnough) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites/pump-7/readiness", 200,
             {{"ready", false},
              {"reason", "2 of 5 healthy minutes"},
              {"rows_usable", 120},
              {"rows_needed", 300}});
  EXPECT_EQ(at_peer({"learn", "--asset", "pump-1", "--last", "1h"}), 1);
  EXPECT_NE(err_.find("not ready to learn: 2 of 5"), std::string::npos);
  EXPECT_EQ(peer_.asked(), Lines{"GET /api/v1/sites/pump-7/readiness?asset=pump-1&last=1h"});
}

TEST_F(CliTest, LearningWaitsForTheModelAndSaysWhatIsNext) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites/pump-7/readiness", 200, {{"ready", true}});
  peer_.says("POST /api/v1/sites/pump-7/train", 202, {{"job", "j1"}});
  const std::string job = "GET /api/v1/sites/pump-7/jobs/j1";
  peer_.says(job, 200, {{"state", "running"}, {"progress", 0.4}});
  on_pause_ = [&] { peer_.says(job, 200, {{"state", "done"}, {"model", "583bf707ff9f0000"}}); };
  EXPECT_EQ(at_peer({"learn", "--asset", "pump-1", "--wait"}), 0) << err_;
  EXPECT_NE(out_.find("Model 583bf707ff9f of pump-1"), std::string::npos) << out_;
  EXPECT_NE(out_.find("lander model promote --asset pump-1"), std::string::npos) << out_;
  on_pause_ = [&] { peer_.says(job, 200, {{"state", "failed"}, {"reason", "singular"}}); };
  peer_.says(job, 200, {{"state", "running"}});
  EXPECT_EQ(at_peer({"learn", "--asset", "pump-1", "--wait"}), 1);
  EXPECT_NE(err_.find("learning failed: singular"), std::string::npos);
}

TEST_F(CliTest, ARolloutIsWaitedForAndAHaltIsAFailure) {
  peer_.is("hub", "hub");
  const Json running = {{"id", kAlert},
                        {"state", "running"},
                        {"phases", {{"a"}, {"b", "c"}}},
                        {"sites", {{"a", {{"status", "pending"}, {"reason", ""}}}}}};
  peer_.says("POST /api/v1/rollouts", 201, running);
  const std::string path = "/api/v1/rollouts/" + std::string(kAlert);
  peer_.says("GET " + path, 200, running);
  const std::vector<std::string> start = {"rollout", "start",  "app",          "2.0.0", "--phases",
                                          "a; b,c",  "--wait", "--max-failed", "1"};
  on_pause_ = [&] {
    Json halted = running;
    halted["state"] = "halted";
    halted["reason"] = "a failed";
    peer_.says("GET " + path, 200, halted);
  };
  EXPECT_EQ(at_peer(start), 1);
  EXPECT_EQ(
      peer_.asked().front(),
      R"(POST /api/v1/rollouts {"app":"app","max_failed":1,"phases":[["a"],["b","c"]],"version":"2.0.0"})");
  EXPECT_NE(err_.find("the rollout ended as halted: a failed"), std::string::npos) << err_;
  on_pause_ = nullptr;
  peer_.says("GET " + path, 200, running);
  EXPECT_EQ(at_peer({"rollout", "start", "app", "2.0.0", "--sites", "a", "--wait"}), 1);
  EXPECT_NE(err_.find("still runs"), std::string::npos) << err_;
  EXPECT_EQ(at_peer({"rollout", "start", "app", "2.0.0"}), 2);
  EXPECT_EQ(at_peer({"rollout", "start", "app", "2.0.0", "--sites", "a", "--phases", "b"}), 2);
}

TEST_F(CliTest, TrustIsSignedHereAndBuildsOnWhatTheHubHas) {
  peer_.is("hub", "hub");
  peer_.says("GET /api/v1/trust", 200, {{"root_key_id", nullptr}, {"version", 0}});
  peer_.says("PUT /api/v1/trust", 200, {{"version", 1}});
  const std::string key = folder_ + "/root.key";
  EXPECT_EQ(at_peer({"trust", "init", "--key", key}), 0) << err_;
  auto root = crypto::PrivateKey::from_pem(read("root.key"));
  ASSERT_TRUE(root.ok());
  auto sent = [&](std::uint64_t version) {
    const std::string last = peer_.asked().back();
    const std::string body = last.substr(std::string("PUT /api/v1/trust ").size());
    base::CborReader in(base::as_bytes(body));
    EXPECT_EQ(*in.array(), 2u);
    const auto der = *in.bytes();
    EXPECT_EQ(base::Bytes(der.begin(), der.end()), root->public_key().to_der());
    const auto message = *in.bytes();
    auto document = trust::verify_document(message, root->public_key(), version);
    EXPECT_TRUE(document.ok());
    peer_.says("GET /api/v1/trust", 200,
               {{"root_key_id", root->public_key().id()},
                {"version", version},
                {"document", base::to_base64(message)}});
    return *document;
  };
  EXPECT_TRUE(sent(1).signers.empty());

  ASSERT_EQ(at_peer({"app", "keygen", folder_ + "/acme.key"}), 0) << err_;
  const std::vector<std::string> add = {"trust",      "add",  "--key",    key,
                                        "--vendor",   "acme", "--signer", folder_ + "/acme.key.pub",
                                        "--packages", "a, b"};
  EXPECT_EQ(at_peer(add), 0) << err_;
  const auto added = sent(2);
  ASSERT_EQ(added.signers.size(), 1u);
  EXPECT_EQ(added.signers[0].vendor, "acme");
  EXPECT_EQ(added.signers[0].packages, (std::vector<std::string>{"a", "b"}));

  EXPECT_EQ(at_peer({"trust", "revoke", "--key", key, "--vendor", "acme"}), 0) << err_;
  EXPECT_TRUE(sent(3).signers.empty());
  EXPECT_EQ(at_peer({"trust", "revoke", "--key", key}), 2);
}

TEST_F(CliTest, AKeyIsNeverOverwrittenAndAPrivateOneNeverSent) {
  const std::string key = folder_ + "/acme.key";
  ASSERT_EQ(lander({"app", "keygen", key}), 0) << err_;
  const std::string before = read("acme.key");
  EXPECT_EQ(lander({"app", "keygen", key}), 1);
  EXPECT_EQ(read("acme.key"), before);
  peer_.is("hub", "hub");
  EXPECT_EQ(at_peer({"trust", "add", "--key", key, "--vendor", "v", "--signer", key}), 1);
  EXPECT_NE(err_.find("is a private key"), std::string::npos) << err_;
}

constexpr const char* kApp = R"(app: watch
version: 1.0.0
vendor: acme
purpose: continuity
ports:
  p: {property: pressure, unit: bar}
pipeline:
  - rule: {name: high, when: p > 5, for: 1s}
  - alert: {rule: high, title: High, severity: low, causes: [p]}
)";

TEST_F(CliTest, AnAppIsPackedSignedAndPushed) {
  write("app/app.yaml", kApp);
  const std::string file = folder_ + "/app.lander", key = folder_ + "/acme.key";
  ASSERT_EQ(lander({"app", "pack", folder_ + "/app/", "-o", file}), 0) << err_;
  ASSERT_EQ(lander({"app", "show", file}), 0) << err_;
  EXPECT_EQ(err_, "Not signed.\n");
  ASSERT_EQ(lander({"app", "keygen", key}), 0);
  ASSERT_EQ(lander({"app", "sign", file, "--key", key}), 0) << err_;
  ASSERT_EQ(lander({"app", "show", file}), 0) << err_;
  EXPECT_NE(err_.find("nobody verified"), std::string::npos) << err_;
  peer_.is("hub", "hub");
  peer_.says("POST /api/v1/packages", 201, {{"name", "watch"}, {"version", "1.0.0"}});
  EXPECT_EQ(at_peer({"app", "push", file}), 0) << err_;
  EXPECT_EQ(peer_.asked().back(), "POST /api/v1/packages " + read("app.lander"));
}

TEST_F(CliTest, MistakesOfManifestAndPipelineComeTogetherInOrder) {
  std::string text = kApp;
  text.replace(text.find("unit: bar"), 9, "unit: baar");
  text.replace(text.find("for: 1s"), 7, "for: 1x");
  text.replace(text.find("continuity"), 10, "fun");
  write("app/app.yaml", text);
  EXPECT_EQ(lander({"app", "pack", folder_ + "/app", "-o", folder_ + "/app.lander"}), 1);
  const std::string path = folder_ + "/app/app.yaml:";
  const auto first = err_.find(path + "4:"), second = err_.find(path + "6:"),
             third = err_.find(path + "8:");
  EXPECT_EQ(first, 0u) << err_;
  EXPECT_LT(first, second) << err_;
  EXPECT_LT(second, third) << err_;
  EXPECT_NE(third, std::string::npos) << err_;
  EXPECT_EQ(read("app.lander"), "");
}

TEST_F(CliTest, SqlComesAsATableOrAsCsv) {
  peer_.is("hub", "hub");
  peer_.says(
      "POST /api/v1/sql", 200,
      {{"columns", {{{"name", "site"}, {"type", "VARCHAR"}}, {{"name", "n"}, {"type", "BIGINT"}}}},
       {"rows", {{"a,b", 12}, {nullptr, 3}}},
       {"truncated", false},
       {"ms", 4}});
  EXPECT_EQ(at_peer({"sql", "SELECT 1"}), 0) << err_;
  EXPECT_EQ(out_, "site   n\na,b   12\n-      3\n2 rows, 4 ms\n");
  EXPECT_EQ(peer_.asked().back(), R"(POST /api/v1/sql {"sql":"SELECT 1"})");
  EXPECT_EQ(at_peer({"sql", "SELECT 1", "--csv"}), 0) << err_;
  EXPECT_EQ(out_, "site,n\n\"a,b\",12\n,3\n");
}

TEST_F(CliTest, NamesThatWouldLeaveThePathAreEscaped) {
  peer_.is("hub", "hub");
  EXPECT_EQ(at_peer({"site", "show", "a/b?x y"}), 1);
  EXPECT_EQ(peer_.asked(), Lines{"GET /api/v1/sites/a/b?x y"});  // decoded again by the server
}

}  // namespace
}  // namespace lander::cli
