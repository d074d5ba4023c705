// How the command is called, and how it finds its server.
#include "cli/peer_test.h"

namespace lander::cli {
namespace {

TEST_F(CliTest, WrongUsageEndsWithTwoAndSaysWhatIsRight) {
  struct Row {
    std::vector<std::string> arguments;
    std::string said;
  };
  const Row rows[] = {
      {{"statsu"}, "no command \"statsu\"; did you mean \"status\"?"},
      {{"site"}, "which of: add, list, show, clone-resolved, card, remove?"},
      {{"site", "ad", "x"}, "no command \"ad\"; did you mean \"add\"?"},
      {{"site", "add"}, "NAME is required"},
      {{"query", "--last", "10x"}, "expected a number and one of us, ms, s, m, h, d"},
      {{"query", "--from", "yesterday"}, "--from"},
      {{"query", "--limit", "0"}, "--limit"},
      {{"account", "add", "bo", "--role", "king"}, "viewer,technician,operator,admin"},
      {{"status", "--nonsense"}, "--nonsense"},
      {{"login", "http://hub", "--user", "bo"}, "expected https://"},
      {{"rollout", "start", "app"}, "VERSION is required"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(lander(row.arguments), 2) << row.said;
    EXPECT_NE(err_.find(row.said), std::string::npos) << err_;
    EXPECT_EQ(out_, "");
  }
}

TEST_F(CliTest, WithoutArgumentsItTellsItsCommands) {
  EXPECT_EQ(lander({}), 2);
  EXPECT_NE(err_.find("candidates"), std::string::npos);
}

TEST_F(CliTest, EveryCommandHasHelpWithAnExample) {
  const std::vector<std::vector<std::string>> all = {{"status"},
                                                     {"datastreams"},
                                                     {"query"},
                                                     {"plot"},
                                                     {"alerts"},
                                                     {"alerts", "list"},
                                                     {"alerts", "show"},
                                                     {"alerts", "ack"},
                                                     {"alerts", "shelve"},
                                                     {"alerts", "unshelve"},
                                                     {"twin"},
                                                     {"candidates"},
                                                     {"apply"},
                                                     {"readiness"},
                                                     {"learn"},
                                                     {"detect"},
                                                     {"predict"},
                                                     {"model", "list"},
                                                     {"model", "show"},
                                                     {"model", "export"},
                                                     {"model", "promote"},
                                                     {"model", "rollback"},
                                                     {"link", "status"},
                                                     {"link", "audit"},
                                                     {"sql"},
                                                     {"site", "add"},
                                                     {"site", "list"},
                                                     {"site", "show"},
                                                     {"site", "remove"},
                                                     {"trust", "init"},
                                                     {"trust", "add"},
                                                     {"trust", "revoke"},
                                                     {"trust", "show"},
                                                     {"account", "list"},
                                                     {"account", "add"},
                                                     {"account", "remove"},
                                                     {"app", "keygen"},
                                                     {"app", "pack"},
                                                     {"app", "sign"},
                                                     {"app", "show"},
                                                     {"app", "push"},
                                                     {"app", "list"},
                                                     {"rollout", "start"},
                                                     {"rollout", "list"},
                                                     {"rollout", "show"},
                                                     {"rollout", "cancel"},
                                                     {"login"},
                                                     {"logout"}};
  for (auto arguments : all) {
    std::string name = "lander";
    for (const auto& word : arguments) name += " " + word;
    arguments.push_back("--help");
    EXPECT_EQ(lander(arguments), 0) << name;
    const auto example = out_.find("Example:\n  lander " + arguments[0]);
    EXPECT_NE(example, std::string::npos) << name << "\n" << out_;
  }
}

TEST_F(CliTest, WithoutAServerItSaysHowToNameOne) {
  environment_["HOME"] = folder_;
  EXPECT_EQ(lander({"status"}), 1);
  EXPECT_NE(err_.find("--at FOLDER"), std::string::npos) << err_;
  EXPECT_EQ(lander({"--at", folder_ + "/nowhere", "status"}), 1);
  EXPECT_NE(err_.find("/nowhere/cli.json is not there"), std::string::npos) << err_;
  EXPECT_EQ(lander({"--at", "https://127.0.0.1:1", "status"}), 1);
  EXPECT_NE(err_.find("lander login https://127.0.0.1:1"), std::string::npos) << err_;
}

TEST_F(CliTest, TheDataFolderOfAServerLetsItsReaderIn) {
  peer_.is("site", "pump-7");
  peer_.says("GET /api/v1/sites", 200, Json::array());
  peer_.says("GET /api/v1/sites/pump-7/link", 200, {{"enrolled", false}});
  environment_["LANDER_AT"] = folder_ + "/data";
  EXPECT_EQ(lander({"status"}), 0) << err_;
  EXPECT_EQ(peer_.token(), "Bearer pass");
  EXPECT_NE(out_.find("health   ok"), std::string::npos) << out_;
  EXPECT_NE(out_.find("0.1.0, up 2 h 5 min"), std::string::npos) << out_;
}

TEST_F(CliTest, AnotherKeyThanTheFoldersIsRefused) {
  write("data/cli.json",
        Json{{"url", peer_.url}, {"key_id", std::string(64, 'a')}, {"token", "pass"}}.dump());
  EXPECT_EQ(at_peer({"twin"}), 1);
  EXPECT_NE(err_.find("the server's key is not the pinned one"), std::string::npos) << err_;
  EXPECT_TRUE(peer_.asked().empty());
}

TEST_F(CliTest, ABrokenFolderFileIsToldByItsPath) {
  for (const char* text : {"", "{", "[]", "{\"url\":1}", "{}"}) {
    write("data/cli.json", text);
    EXPECT_EQ(at_peer({"twin"}), 1);
    EXPECT_NE(err_.find("cli.json: expected"), std::string::npos) << err_;
  }
}

TEST_F(CliTest, ALoginIsRememberedWithTheKeyThatAPersonConfirmed) {
  environment_["XDG_CONFIG_HOME"] = folder_ + "/config";
  peer_.is("hub", "hub");
  peer_.says("POST /api/v1/login", 200,
             {{"token", "t1"}, {"user", "anna"}, {"role", "viewer"}, {"tenant", "acme"}});
  typed_ = {"y", "correct horse"};
  EXPECT_EQ(lander({"login", peer_.url + "/", "--user", "anna"}), 0) << err_;
  EXPECT_NE(questions_.find(peer_.key_id.substr(0, 4) + " " + peer_.key_id.substr(4, 4)),
            std::string::npos);
  EXPECT_EQ(peer_.asked(), std::vector<std::string>{
                               R"(POST /api/v1/login {"password":"correct horse","user":"anna"})"});
  peer_.says("GET /api/v1/sites", 200, Json::array());
  EXPECT_EQ(lander({"site", "list"}), 0) << err_;  // the last login is meant
  EXPECT_EQ(peer_.token(), "Bearer t1");
  peer_.says("POST /api/v1/logout", 204, nullptr);
  EXPECT_EQ(lander({"logout"}), 0) << err_;
  EXPECT_EQ(peer_.asked().back(), "POST /api/v1/logout");
  EXPECT_EQ(read("config/lander/sessions.json").find("t1"), std::string::npos);
  EXPECT_NE(read("config/lander/sessions.json").find(peer_.key_id), std::string::npos);
}

TEST_F(CliTest, AnUnconfirmedServerHearsNoPassword) {
  environment_["XDG_CONFIG_HOME"] = folder_ + "/config";
  write("pw", "correct horse\n");
  const std::vector<std::string> login = {"login", peer_.url,         "--user",
                                          "anna",  "--password-file", folder_ + "/pw"};
  EXPECT_EQ(lander(login), 1);
  EXPECT_NE(err_.find("--key-id " + peer_.key_id), std::string::npos) << err_;
  typed_ = {"n"};
  EXPECT_EQ(lander(login), 1);
  auto wrong = login;
  wrong.insert(wrong.end(), {"--key-id", std::string(64, 'b')});
  EXPECT_EQ(lander(wrong), 1);
  EXPECT_TRUE(peer_.asked().empty());
}

TEST_F(CliTest, AProblemIsToldInTheServersWordsOrAsJson) {
  peer_.is("hub", "hub");
  peer_.says("POST /api/v1/sites", 403,
             {{"status", 403}, {"code", "denied"}, {"detail", "admitting sites needs admin"}});
  EXPECT_EQ(at_peer({"site", "add", "x"}), 1);
  EXPECT_EQ(err_, "lander: admitting sites needs admin\n");
  EXPECT_EQ(at_peer({"site", "add", "x", "--json"}), 1);
  EXPECT_EQ(Json::parse(err_)["code"], "denied");
  EXPECT_EQ(out_, "");
}

TEST_F(CliTest, AnAnswerThatIsNotJsonIsAFailure) {
  peer_.is("hub", "hub");
  peer_.says("GET /api/v1/sites", 200, nullptr);
  EXPECT_EQ(at_peer({"site", "list"}), 0);  // nothing is an empty answer
  peer_.says("GET /api/v1/sites", 200, "a text");
  EXPECT_EQ(at_peer({"site", "list"}), 0);
  peer_.says("GET /api/v1/sites", 200, {{"site", 3}, {"x", {nullptr}}});
  EXPECT_EQ(at_peer({"site", "list"}), 0);
}

TEST_F(CliTest, WhatOnlyTheOtherKindOfServerDoesIsSaid) {
  peer_.is("site", "pump-7");
  EXPECT_EQ(at_peer({"sql", "SELECT 1"}), 1);
  EXPECT_NE(err_.find("only a hub can do this"), std::string::npos) << err_;
  EXPECT_NE(err_.find("is the site \"pump-7\""), std::string::npos) << err_;
  EXPECT_TRUE(peer_.asked().empty());
}

}  // namespace
}  // namespace lander::cli
