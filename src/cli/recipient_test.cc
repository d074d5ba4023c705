// A laptop as a recipient: takes each item once, believes nobody but its sites, tells what it
// holds.
#include "cli/recipient.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "os/clock.h"

namespace lander::cli {
namespace {

namespace fs = std::filesystem;

class MemoryLake final : public OwnLake {
 public:
  base::Status ingest(const LakeOrigin&, const std::vector<link::Item>& items) override {
    for (const auto& item : items) numbers.push_back(item.number);
    return {};
  }
  base::Result<std::uint64_t> flush() override { return std::uint64_t{numbers.size()}; }
  std::vector<std::uint64_t> numbers;
};

class RecipientTest : public testing::Test {
 protected:
  RecipientTest()
      : folder_(fs::path(testing::TempDir()) /
                ("recipient-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name())),
        world_{os::system_files(),
               os::system_clock(),
               [](std::string_view) {},
               [this](std::string_view text) { err_ += text; },
               [](const char*) { return std::string(); },
               [](std::string_view, bool) -> base::Result<std::string> {
                 return base::Error(base::Code::kUnavailable, "nobody");
               },
               [](base::DurationUs) {}} {
    fs::remove_all(folder_);
    EXPECT_EQ(run(world_, {"recipient", "new", "ana", folder_}), 0) << err_;
    write_card("north", "acme");
  }
  ~RecipientTest() override { fs::remove_all(folder_); }

  void write_card(const std::string& site, const std::string& tenant) {
    const Json card = {{"lander", "site"},
                       {"tenant", tenant},
                       {"name", site},
                       {"signing", base::to_base64(signing_.public_key().to_der())},
                       {"sealing", base::to_base64(sealing_.public_key().to_der())}};
    const std::string path = folder_ / "sites" / (site + ".card");
    EXPECT_TRUE(world_.files.write_durably(path, base::as_bytes(card.dump())).ok());
  }
  Recipient recipient() { return Recipient::open(world_, folder_).value(); }
  link::Keys site_keys() {
    const Card card = read_card(world_, folder_ / "ana.card").value();
    return {signing_, sealing_, card.signing, card.sealing};
  }
  base::Bytes sealed(std::uint64_t first, std::uint64_t last, std::uint64_t run = 1) {
    link::Bundle bundle;
    bundle.tenant = "acme";
    bundle.site = "north";
    bundle.peer = "ana";
    bundle.epoch = 7;
    bundle.sent = 1'795'046'400 * base::kSecond;
    bundle.instance = {1, run, 0};
    for (std::uint64_t n = first; n <= last; ++n)
      bundle.items.push_back({link::kLanePickup, n, "blocks", bundle.sent, {1}});
    return link::seal(bundle, site_keys()).value();
  }

  const fs::path folder_;
  std::string err_;
  World world_;
  crypto::PrivateKey signing_ = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
  crypto::PrivateKey sealing_ = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
  MemoryLake lake_;
};

TEST_F(RecipientTest, EachItemIsTakenOnceThoughBundlesOverlapAndTheProgramStartsAnew) {
  Recipient first = recipient();
  EXPECT_EQ(first.take("acme", "north", sealed(1, 3), lake_).value(), 3u);
  EXPECT_EQ(first.take("acme", "north", sealed(2, 5), lake_).value(), 2u);
  EXPECT_EQ(recipient().take("acme", "north", sealed(1, 6), lake_).value(), 1u);
  EXPECT_EQ(lake_.numbers, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(RecipientTest, ReceiptsSayWhatIsHeldAndAreForTheSiteAlone) {
  Recipient ana = recipient();
  EXPECT_TRUE(ana.receipts("north").value().empty());
  ASSERT_TRUE(ana.take("acme", "north", sealed(1, 3), lake_).ok());
  const auto opened =
      link::open(ana.receipts("north").value(), site_keys(), {"acme", "north", true, "ana"});
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  ASSERT_EQ(opened->receipts.size(), 1u);
  EXPECT_EQ(opened->receipts[0].held.through(), 3u);
  EXPECT_EQ(opened->receipts[0].lane, link::kLanePickup);
}

TEST_F(RecipientTest, NobodyButASiteWithACardIsBelieved) {
  const auto good = sealed(1, 3);
  signing_ = *crypto::PrivateKey::generate(crypto::KeyType::kP256);  // a stranger
  Recipient ana = recipient();
  EXPECT_FALSE(ana.take("acme", "north", sealed(1, 3), lake_).ok());
  EXPECT_EQ(ana.take("acme", "south", good, lake_).error().code(), base::Code::kNotFound);
  EXPECT_EQ(ana.take("other", "north", good, lake_).error().code(), base::Code::kDenied);
  EXPECT_EQ(ana.take("acme", "north", good, lake_).value(), 3u);
}

TEST_F(RecipientTest, ACopyOfASiteIsToldToBeginAnewAndNothingOfItIsTaken) {
  Recipient ana = recipient();
  ASSERT_TRUE(ana.take("acme", "north", sealed(1, 3), lake_).ok());
  EXPECT_EQ(ana.take("acme", "north", sealed(4, 9, 2), lake_).error().code(),
            base::Code::kConflict);
  EXPECT_EQ(lake_.numbers.size(), 3u);
  const auto opened =
      link::open(ana.receipts("north").value(), site_keys(), {"acme", "north", true, "ana"});
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->refused_epoch, 7u);
}

TEST_F(RecipientTest, KeysArePrivateAndNeverOverwritten) {
  EXPECT_EQ(fs::status(folder_ / "signing.key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(run(world_, {"recipient", "new", "ana", folder_}), 1);
  EXPECT_EQ(run(world_, {"recipient", "new", "hub", folder_ / "x"}), 2);
}

TEST_F(RecipientTest, AFolderIsForOneTenant) {
  EXPECT_EQ(recipient().tenant().value(), "acme");
  write_card("south", "other");
  EXPECT_EQ(recipient().tenant().error().code(), base::Code::kInvalid);
}

}  // namespace
}  // namespace lander::cli
