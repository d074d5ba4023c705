#include "carrier/stick.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/crypto.h"

namespace lander::carrier {
namespace {

namespace fs = std::filesystem;

const Place kPlace{"acme", "station-1", false, "hub"};

base::Bytes bytes_of(std::string_view text) {
  const auto view = base::as_bytes(text);
  return {view.begin(), view.end()};
}

class StickTest : public ::testing::Test {
 protected:
  StickTest()
      : path_(fs::path(::testing::TempDir()) /
              ("stick-" + std::to_string(::getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
    folder_ = os::open_folder(path_).value();
    stick_ = std::make_unique<Stick>(*folder_);
  }
  ~StickTest() override { fs::remove_all(path_); }

  fs::path file(const Place& place, const BundleName& name) const {
    return path_ / "lander" / place.tenant / place.site /
           (place.to_site ? "to-site" : "from-site") / place.peer / to_string(name);
  }

  const fs::path path_;
  std::unique_ptr<os::Folder> folder_;
  std::unique_ptr<Stick> stick_;
};

// A site with `count` items in one lane, which is all that a pickup sees of one.
struct Site {
  std::uint64_t epoch = 7, count = 0, receipted = 0, a_bundle = 10;
  std::uint64_t asked = 0, heads = 0;
  std::uint64_t skipped = 0;  // up to here there are none, and it looks at a_bundle at once

  base::Result<Part> operator()(const PartAsked& asked_for) {
    Part part;
    part.epoch = epoch;
    if (asked_for.lane == BundleName::kNoLane) {
      part.first = part.last = ++heads;
      part.sealed = bytes_of("head " + std::to_string(heads));
      return part;
    }
    ++asked;
    if (asked_for.lane != link::kLanePickup) return part;
    part.receipted = receipted;
    const std::uint64_t from = std::max(asked_for.after, receipted) + 1;
    if (from <= skipped) {
      part.last = std::min({from + a_bundle - 1, asked_for.before - 1, skipped});
      part.more = true;
      return part;
    }
    const std::uint64_t to = std::min({from + a_bundle - 1, asked_for.before - 1, count});
    if (from > to) return part;
    part.first = from;
    part.last = to;
    part.items = to - from + 1;
    part.sealed = bytes_of("items " + std::to_string(from) + " to " + std::to_string(to));
    part.items_left = count - to;
    part.more = to < count;
    return part;
  }
};

const auto kGoOn = [](const PickedUp&) { return true; };

TEST_F(StickTest, NamesSayWhatIsInAFileAndReadBack) {
  const BundleName name{0xdeadbeef, 4, 1, 400, "0123456789abcdef"};
  EXPECT_EQ(to_string(name),
            "00000000deadbeef-4-0000000000000001-0000000000000190-0123456789abcdef.bundle");
  EXPECT_EQ(parse_bundle_name(to_string(name)).value(), name);
  for (const char* wrong :
       {"", "x.bundle",
        "00000000DEADBEEF-4-0000000000000001-0000000000000190-0123456789abcdef.bundle",
        "00000000deadbeef-7-0000000000000001-0000000000000190-0123456789abcdef.bundle",
        "00000000deadbeef-4-0000000000000002-0000000000000001-0123456789abcdef.bundle",
        "00000000deadbeef-4-0000000000000001-8000000000000000-0123456789abcdef.bundle",
        "00000000deadbeef-4-0000000000000001-0000000000000190-0123456789abcdeg.bundle"}) {
    EXPECT_FALSE(parse_bundle_name(wrong).ok()) << wrong;
  }
}

// docs/formats/stick.md shows it.
TEST_F(StickTest, TheGoldenNameOfTheDocumentIsWhatWeWrite) {
  const auto name =
      stick_->write(kPlace, {0xbadcafe, 4, 1, 400, {}}, bytes_of("Hello World!")).value();
  EXPECT_EQ(to_string(name),
            "000000000badcafe-4-0000000000000001-0000000000000190-7f83b1657ff1fc53.bundle");
  EXPECT_TRUE(fs::is_regular_file(path_ / "lander/acme/station-1/from-site/hub" / to_string(name)));
}

TEST_F(StickTest, FoldersHaveNamesThatEveryFileSystemKeepsApart) {
  EXPECT_EQ(folder_name("station-1"), "station-1");
  EXPECT_EQ(folder_name("aux"), "%61ux");
  EXPECT_EQ(folder_name("com7.x"), "%63om7.x");
  EXPECT_EQ(folder_name("a."), "a%2e");
  for (const char* name : {"station-1", "aux", "com7.x", "a.", "nul.", "a.b_c-d"})
    EXPECT_EQ(name_of_folder(folder_name(name)), name);
  for (const char* wrong : {"", "A", "%61", "a.", "aux", "..", "%2e%2e", "a%2f", "%6", "-a"})
    EXPECT_FALSE(name_of_folder(wrong)) << wrong;
}

TEST_F(StickTest, WhatWasWrittenIsListedAndReadBackWhole) {
  const auto name = stick_->write(kPlace, {1, 0, 1, 2, {}}, bytes_of("sealed")).value();
  const auto listing = stick_->list().value();
  ASSERT_EQ(listing.files.size(), 1u);
  EXPECT_EQ(listing.files[0].place, kPlace);
  EXPECT_EQ(listing.files[0].name, name);
  EXPECT_EQ(stick_->read(listing.files[0]).value(), bytes_of("sealed"));
}

TEST_F(StickTest, ADamagedFileIsNeverHandedOn) {
  const auto name = stick_->write(kPlace, {1, 0, 1, 2, {}}, bytes_of("sealed")).value();
  std::ofstream(file(kPlace, name), std::ios::binary) << "sealeD";
  EXPECT_EQ(stick_->read({kPlace, name, 6}).error().code(), base::Code::kCorrupt);
  std::ofstream(file(kPlace, name), std::ios::binary) << "seal";
  EXPECT_EQ(stick_->read({kPlace, name, 6}).error().code(), base::Code::kCorrupt);
}

TEST_F(StickTest, StrangeThingsOnAStickAreToldAndLeftAlone) {
  ASSERT_TRUE(stick_->write(kPlace, {1, 0, 1, 2, {}}, bytes_of("sealed")).ok());
  ASSERT_TRUE(stick_->mark("acme").ok());
  fs::create_directories(path_ / "lander/acme/station-1/from-site/hub/folder");
  fs::create_directories(path_ / "lander/acme/station-1/sideways");
  fs::create_directories(path_ / "lander/ACME");
  std::ofstream(path_ / "lander/acme/station-1/from-site/hub/holiday.jpg") << "x";
  std::ofstream(path_ / "elsewhere") << "x";
  const auto listing = stick_->list().value();
  EXPECT_EQ(listing.files.size(), 1u);
  EXPECT_EQ(listing.ignored_count, 4u);
  EXPECT_TRUE(stick_->marked("acme"));
  EXPECT_FALSE(stick_->marked("other"));
}

TEST_F(StickTest, LinksOnAStickLeadNowhere) {
  const fs::path outside = path_.string() + "-outside";
  fs::create_directories(outside);
  fs::create_directories(path_ / "lander/acme");
  fs::create_directory_symlink(outside, path_ / "lander/acme/station-1");
  EXPECT_FALSE(stick_->write(kPlace, {1, 0, 1, 2, {}}, bytes_of("sealed")).ok());
  EXPECT_TRUE(fs::is_empty(outside));
  fs::remove(path_ / "lander/acme/station-1");

  // A link where a file is to stand is replaced, not followed.
  std::ofstream(outside / "target") << "untouched";
  BundleName name{1, 0, 1, 2, crypto::sha256_hex(bytes_of("sealed")).substr(0, 16)};
  fs::create_directories(file(kPlace, name).parent_path());
  fs::create_symlink(outside / "target", file(kPlace, name));
  EXPECT_TRUE(stick_->list().value().files.empty());
  ASSERT_TRUE(stick_->write(kPlace, name, bytes_of("sealed")).ok());
  EXPECT_FALSE(fs::is_symlink(file(kPlace, name)));
  std::string kept;
  std::getline(std::ifstream(outside / "target"), kept);
  EXPECT_EQ(kept, "untouched");
  fs::remove_all(outside);
}

TEST_F(StickTest, APickupWritesEverythingOnceAndTheNextOnlyWhatIsNew) {
  Site site{.count = 25};
  const auto first = pick_up(*stick_, kPlace, std::ref(site), kGoOn).value();
  EXPECT_EQ(first.files, 3u);
  EXPECT_EQ(first.items, 25u);
  site.count = 31;
  const auto second = pick_up(*stick_, kPlace, std::ref(site), kGoOn).value();
  EXPECT_EQ(second.items, 6u);
  EXPECT_EQ(second.kept, 3u);
  const auto listing = stick_->list().value();
  std::uint64_t heads = 0, through = 0;
  for (const auto& found : listing.files) {
    if (found.name.lane == BundleName::kNoLane) {
      ++heads;
    } else {
      EXPECT_EQ(found.name.first, through + 1);
      through = found.name.last;
    }
  }
  EXPECT_EQ(through, 31u);
  EXPECT_EQ(heads, 1u);  // the newest
}

TEST_F(StickTest, APickupThatWasStoppedGoesOnWhereItWas) {
  Site site{.count = 50};
  const auto stopped =
      pick_up(*stick_, kPlace, std::ref(site), [](const PickedUp& done) { return done.files < 2; });
  EXPECT_EQ(stopped.error().code(), base::Code::kUnavailable);
  const auto rest = pick_up(*stick_, kPlace, std::ref(site), kGoOn).value();
  EXPECT_EQ(rest.kept, 2u);
  EXPECT_EQ(rest.items, 30u);
}

TEST_F(StickTest, WhatIsDamagedIsPickedUpAgain) {
  Site site{.count = 30};
  ASSERT_TRUE(pick_up(*stick_, kPlace, std::ref(site), kGoOn).ok());
  for (const auto& found : stick_->list().value().files) {
    if (found.name.first == 11) fs::resize_file(file(kPlace, found.name), 3);
  }
  const auto again = pick_up(*stick_, kPlace, std::ref(site), kGoOn).value();
  EXPECT_EQ(again.mended, 1u);
  EXPECT_EQ(again.items, 10u);
  EXPECT_EQ(again.kept, 2u);
}

TEST_F(StickTest, WhatIsReceiptedMakesRoom) {
  Site site{.count = 30};
  ASSERT_TRUE(pick_up(*stick_, kPlace, std::ref(site), kGoOn).ok());
  site.receipted = 20;
  site.count = 35;
  const auto again = pick_up(*stick_, kPlace, std::ref(site), kGoOn).value();
  EXPECT_EQ(again.removed, 2u);
  EXPECT_EQ(again.kept, 1u);
  EXPECT_EQ(again.items, 5u);
}

TEST_F(StickTest, APickupPassesWhatASiteLeavesOutAndEnds) {
  Site site{.count = 60};
  site.skipped = 35;
  const auto in_time = [&site](const PickedUp&) { return site.asked < 50; };
  const auto first = pick_up(*stick_, kPlace, std::ref(site), in_time);
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(first->items, 25u);
  site.asked = 0;
  const auto second = pick_up(*stick_, kPlace, std::ref(site), in_time);
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ(second->items, 0u);
  EXPECT_EQ(second->kept, 3u);
}

TEST_F(StickTest, APickupEndsAtASiteThatSaysThereIsMoreBetweenFilesAndHasNone) {
  ASSERT_TRUE(stick_->write(kPlace, {7, link::kLanePickup, 11, 20, {}}, bytes_of("sealed")).ok());
  std::uint64_t asked = 0;
  const auto ask = [&](const PartAsked& asked_for) -> base::Result<Part> {
    Part part;
    part.epoch = 7;
    part.more = asked_for.before == 11;
    if (asked_for.lane == BundleName::kNoLane) part.sealed = bytes_of("head");
    return part;
  };
  const auto done =
      pick_up(*stick_, kPlace, ask, [&asked](const PickedUp&) { return ++asked < 50; });
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->kept, 1u);
}

TEST_F(StickTest, FilesOfAnEpochBeforeStayForTheyMayBeTheOnlyCopy) {
  Site site{.count = 10};
  ASSERT_TRUE(pick_up(*stick_, kPlace, std::ref(site), kGoOn).ok());
  site.epoch = 8;
  ASSERT_TRUE(pick_up(*stick_, kPlace, std::ref(site), kGoOn).ok());
  std::size_t old = 0;
  for (const auto& found : stick_->list().value().files) old += found.name.series == 7 ? 1 : 0;
  EXPECT_EQ(old, 2u);
}

TEST_F(StickTest, ASetForASiteReplacesTheOneBefore) {
  const Place place{"acme", "station-1", true, "hub"};
  const auto set_of = [](std::vector<base::Bytes> bundles) {
    return [bundles, at = std::size_t{0}]() mutable -> base::Result<std::optional<base::Bytes>> {
      if (at == bundles.size()) return std::optional<base::Bytes>();
      return std::optional(bundles[at++]);
    };
  };
  ASSERT_EQ(leave(*stick_, place, 1, set_of({bytes_of("a"), bytes_of("b")})).value(), 2u);
  ASSERT_EQ(leave(*stick_, place, 2, set_of({bytes_of("c")})).value(), 1u);
  std::vector<base::Bytes> taken;
  const auto brought =
      bring(*stick_, stick_->list().value(), [&](const Place& from, base::ByteView sealed) {
        EXPECT_EQ(from, place);
        taken.emplace_back(sealed.begin(), sealed.end());
        return base::Status();
      });
  EXPECT_EQ(brought.files, 1u);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0], bytes_of("c"));
}

TEST_F(StickTest, APartReadsBackAsItWas) {
  Part part{7, 1, 2, 2, bytes_of("sealed"), 3, 4, 5, true};
  const auto back = decode_part(encode(part)).value();
  EXPECT_EQ(encode(back), encode(part));
  EXPECT_FALSE(decode_part(base::Bytes{0x80}).ok());
  const WayIn way_in{"next", bytes_of("sealed")};
  EXPECT_EQ(encode(decode_way_in(encode(way_in)).value()), encode(way_in));
}

}  // namespace
}  // namespace lander::carrier
