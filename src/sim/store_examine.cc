#include <algorithm>

#include "os/sqlite.h"
#include "sim/store_work.h"

namespace lander::sim {
namespace {

using base::Status;
using sensing::Observation;
using store::Batch;

class Examination {
 public:
  Examination(SimDisk& disk, const Standing& standing, Cut cut)
      : vfs_(disk), files_(disk), standing_(standing), clock_(standing.clock), random_(11) {
    clock_.pass(3 * base::kSecond);
    if (cut == Cut::kPower) clock_.reboot(clock_.wall);
  }

  std::optional<std::string> run(bool thorough) {
    if (auto status = open(); !status.ok()) return std::string(status.error().message());
    if (auto wrong = recognise()) return wrong;
    const Status went_on = go_on();
    if (!went_on.ok()) return "afterwards: " + std::string(went_on.error().message());
    if (thorough) {
      if (auto wrong = again("after going on")) return wrong;
      store_.reset();
      if (auto status = open(); !status.ok()) return std::string(status.error().message());
      if (auto wrong = again("opened once more")) return wrong;
    }
    store_.reset();
    return thorough ? integrity() : std::nullopt;
  }

 private:
  Status open() {
    LANDER_ASSIGN(store_, store::Store::open(store_options(vfs_, files_, clock_, random_)));
    truth_.opened(clock_);
    return {};
  }

  // Which of the possible truths it is.
  std::optional<std::string> recognise() {
    // What a wipe has taken of what it may take differs from one crash to the next.
    std::vector<Picture> of_this_store;
    auto& pictures = standing_.truth.may_go() ? of_this_store : standing_.pictures;
    const auto known = [&](std::size_t at) {
      StoreTruth truth = at == 0 ? standing_.truth : standing_.doubts[at - 1];
      truth.opened(clock_);
      return truth;
    };
    if (pictures.empty()) {
      for (std::size_t at = 0; at <= standing_.doubts.size(); ++at) {
        StoreTruth truth = known(at);
        if (auto read = truth.settle_wiped(*store_); !read.ok()) return read.error().message();
        pictures.push_back(truth.picture());
      }
    }
    const auto found = picture_of(*store_);
    if (!found.ok()) return "reading: " + std::string(found.error().message());
    for (std::size_t i = pictures.size(); i-- > 0;) {
      if (difference(pictures[i], *found)) continue;
      truth_ = known(i);
      if (auto read = truth_.settle_wiped(*store_); !read.ok()) return read.error().message();
      return std::nullopt;
    }
    std::string out = "neither before nor after it";
    for (const Picture& picture : pictures) {
      out += "; " + *difference(picture, *found);
    }
    return out;
  }

  Status commit(const Batch& batch) {
    clock_.pass(base::kSecond);
    const store::Committed expected = truth_.committed(batch, clock_);
    LANDER_ASSIGN(const auto got, store_->commit(batch));
    if (got.stored == expected.stored && got.item_numbers == expected.item_numbers) return {};
    std::string what = "commit stored " + std::to_string(got.stored) + " of " +
                       std::to_string(expected.stored) + ", or misnumbered items;";
    for (const Observation& o : batch.observations) {
      what += said(o);
    }
    return base::Error(base::Code::kCorrupt, what);
  }

  bool remembered(const Observation& observation) const {
    if (observation.sequence != 0) return true;
    const auto later = [&](const Observation& o) {
      return o.series == observation.series ? 1u : 0u;
    };
    std::size_t count = 0;
    for (const auto& row : truth_.rows()) count += later(row.observation);
    for (const Observation& o : standing_.in_flight->observations) count += later(o);
    return count <= kRemembered + 10;
  }

  // The source sends again what it was not told of; then life goes on.
  Status go_on() {
    LANDER_ASSIGN(auto items, raw_items(*store_));
    LANDER_TRY(truth_.took_raw(items));
    if (standing_.in_flight) {
      Batch again;
      for (const Observation& o : standing_.in_flight->observations) {
        if (remembered(o)) again.observations.push_back(o);
      }
      LANDER_TRY(commit(again));
    }
    Batch next;
    next.items.push_back({0, "alert-event", {1, 2, 3}});
    next.records.push_back({"mark", "after", {7}});
    if (!truth_.datastreams().empty() && truth_.datastreams()[0].kind == sensing::Kind::kNumber) {
      next.observations.push_back({1, sensing::Quality::kGood, clock_.wall, 0, 0.5});
    }
    LANDER_TRY(commit(next));
    for (bool more = true; more;) {
      LANDER_ASSIGN(more, store_->offer_raw(1 << 20));
    }
    for (bool more = true; more;) {
      LANDER_ASSIGN(more, store_->upkeep());
    }
    LANDER_ASSIGN(items, raw_items(*store_));
    if (auto wrong = truth_.raw_is_whole(items)) return base::Error(base::Code::kCorrupt, *wrong);
    return {};
  }

  std::optional<std::string> again(const char* when) {
    const auto found = picture_of(*store_);
    if (!found.ok()) return std::string(when) + ": " + std::string(found.error().message());
    if (auto wrong = difference(truth_.picture(), *found)) return std::string(when) + ": " + *wrong;
    return std::nullopt;
  }

  std::optional<std::string> integrity() {
    auto database = os::Database::open(kStorePath, {.vfs = vfs_.name()});
    if (!database.ok()) return std::string(database.error().message());
    auto check = database->prepare("PRAGMA integrity_check");
    if (!check.ok()) return std::string(check.error().message());
    const auto row = check->step();
    if (row.ok() && *row && check->text(0) == "ok") return std::nullopt;
    return "SQLite's integrity check: " +
           std::string(row.ok() ? check->text(0) : row.error().message());
  }

  SimVfs vfs_;
  SimFiles files_;
  const Standing& standing_;
  ToldClock clock_;
  SimRandom random_;
  StoreTruth truth_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace

std::optional<std::string> examine(SimDisk& disk, const Standing& standing, Cut cut,
                                   bool thorough) {
  disk.cut_now(cut);
  disk.revive();
  auto wrong = Examination(disk, standing, cut).run(thorough);
  if (!wrong) return std::nullopt;
  return std::string(cut == Cut::kPower ? "power cut" : "kill -9") + " in " + standing.call + ": " +
         *wrong;
}

}  // namespace lander::sim
