// What a stick does at the hub.
#include <gtest/gtest.h>

#include "hub/hub_fixture.h"

namespace lander::hub {
namespace {

class Courier : public Hub {
 protected:
  std::vector<link::Bundle> way_in(Device& device) {
    std::vector<link::Bundle> out;
    for (std::string after;;) {
      const auto part = core->way_in(admin, device.site, after);
      EXPECT_TRUE(part.ok()) << part.error().message();
      if (!part.ok() || part->sealed.empty()) return out;
      out.push_back(device.open(part->sealed));
      after = part->next;
    }
  }
};

TEST_F(Courier, TheWayInHasAPackageInFullThoughTheSiteNeverAskedForIt) {
  Device device = enrolled("pump-7");
  const auto digest = import("1.0.0");
  ASSERT_TRUE(core->start_rollout(admin, "watch", "1.0.0", {{"pump-7"}}, 0).ok());
  bool desired = false;
  base::Bytes package;
  for (const auto& bundle : way_in(device)) {
    for (const auto& item : bundle.items) {
      desired = desired || item.type == "desired";
      if (item.type != "blob") continue;
      EXPECT_TRUE(desired);  // a site takes no piece that it has no use for
      const auto piece = link::decode_blob(item.body).value();
      EXPECT_EQ(piece.offset, package.size());
      package.insert(package.end(), piece.bytes.begin(), piece.bytes.end());
    }
  }
  EXPECT_EQ(crypto::sha256_hex(package), digest);

  // What it has reported as running is not carried again.
  exchange(device, {reported(device, "1.0.0", digest, twin::Status::kApplied)});
  for (const auto& bundle : way_in(device))
    for (const auto& item : bundle.items) EXPECT_NE(item.type, "blob");
}

TEST_F(Courier, ReceiptsGoBackEvenWhenNothingElseWaits) {
  Device device = enrolled("pump-7");
  ASSERT_TRUE(core->courier(admin, "pump-7",
                            device.bundle({device.item("alert-event", alert::encode(raise("1")),
                                                       link::kLaneAlert)}))
                  .ok());
  const auto parts = way_in(device);
  ASSERT_FALSE(parts.empty());
  ASSERT_FALSE(parts[0].receipts.empty());
  EXPECT_EQ(parts[0].receipts[0].epoch, device.epoch);
}

TEST_F(Courier, OnlyTheTenantsOwnPeopleBringAndTakeSticks) {
  Device device = enrolled("pump-7");
  EXPECT_FALSE(core->courier(stranger, "pump-7", device.bundle({})).ok());
  EXPECT_FALSE(core->way_in(stranger, "pump-7", "").ok());
  const Scope technician{"acme", "tim", Role::kTechnician};
  EXPECT_EQ(core->courier(technician, "pump-7", device.bundle({})).error().code(),
            base::Code::kDenied);
  Device other = enrolled("pump-8");
  EXPECT_FALSE(core->courier(admin, "pump-7", other.bundle({})).ok());
}

TEST_F(Courier, AnOldStickIsNoContactNow) {
  Device device = enrolled("pump-7");
  clock.elapsed = 5 * base::kDay;
  ASSERT_TRUE(core->courier(admin, "pump-7", device.bundle({})).ok());
  EXPECT_EQ((*core->site(admin, "pump-7"))->last_contact, kNow);
  exchange(device, {});
  ASSERT_TRUE(core->courier(admin, "pump-7", device.bundle({})).ok());
  EXPECT_EQ((*core->site(admin, "pump-7"))->last_contact, clock.wall_us());
}

TEST_F(Courier, ACursorThatNoPartGaveIsRefusedOrEmpty) {
  Device device = enrolled("pump-7");
  for (const char* wrong : {"x", ".", "1.", "1.x", ".5", "9999999999999999999999.1x"})
    EXPECT_FALSE(core->way_in(admin, "pump-7", wrong).ok()) << wrong;
  EXPECT_TRUE(core->way_in(admin, "pump-7", "nothing.7").value().sealed.empty());
}

}  // namespace
}  // namespace lander::hub
