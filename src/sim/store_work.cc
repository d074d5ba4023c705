#include "sim/store_work.h"

#include <algorithm>
#include <limits>

#include "crypto/crypto.h"

namespace lander::sim {
namespace {

using base::Status;
using sensing::Observation;
using store::Batch;
using store::SeriesKey;

constexpr std::size_t kSeries = 9, kLaterRaw = 8;

// One of each kind and more; two count their observations, three leave the site raw, one of the
// others not by pickup either, and one gets an exit only later.
sensing::Datastream datastream(std::size_t at, int sensor) {
  constexpr sensing::Kind kKinds[] = {
      sensing::Kind::kNumber,   sensing::Kind::kNumber, sensing::Kind::kInteger,
      sensing::Kind::kBoolean,  sensing::Kind::kText,   sensing::Kind::kNumber,
      sensing::Kind::kWaveform, sensing::Kind::kObject, sensing::Kind::kInterval};
  sensing::Datastream out;
  out.id = "d" + std::to_string(at);
  out.asset = "acme/p1";
  out.property = "pressure";
  out.kind = kKinds[at];
  out.sensor.serial = "s" + std::to_string(sensor);
  const bool raw = at == 1 || at == 4 || at == 6;
  out.policy.uplink = raw ? sensing::Uplink::kRaw : sensing::Uplink::kSummary;
  out.policy.pickup = at != 3 && at != kLaterRaw;
  return out;
}
bool counts(const sensing::Datastream& d) { return d.id == "d1" || d.id == "d2"; }

}  // namespace

std::string said(const Observation& o) {
  return " " + std::to_string(o.series) + "@" + std::to_string(o.time) + "#" +
         std::to_string(o.sequence);
}

store::Store::Options store_options(const SimVfs& vfs, os::Files& files, os::Clock& clock,
                                    os::Random& random) {
  store::Store::Options out;
  out.path = kStorePath;
  out.vfs = vfs.name();
  out.clock = &clock;
  out.random = &random;
  out.files = &files;
  out.raw_lane = kRawLane;
  out.pickup_lane = kPickupLane;
  out.compact_frames = 8;
  out.checkpoint_pages = 40;
  return out;
}

StoreWork::StoreWork(SimDisk& disk, std::uint64_t seed)
    : disk_(disk), vfs_(disk), files_(disk), random_(seed) {
  now_.clock.wall = random_.chance(0.3) ? base::kDay : utc_ - 3 * base::kHour;
}

StoreWork::~StoreWork() { store_.reset(); }

StoreWork::Try StoreWork::refuse(const std::string& call, const base::Error& error,
                                 std::uint64_t failed_before) {
  ++refused_;
  if (disk_.failed() == failed_before) {
    return call + " failed on a disk that works: " + std::string(error.message());
  }
  if (refused_ >= give_up_) return kGaveUp;
  if (refused_ > 300) disk_.heal();
  if (store_) {  // nothing of it is visible, and nothing else is lost
    StoreTruth truth = now_.truth;
    const auto seen = picture_of(*store_);
    if (seen.ok() && truth.settle_wiped(*store_).ok()) {
      if (auto wrong = difference(truth.picture(), *seen)) {
        return call + " failed (" + std::string(error.message()) + "), and left: " + *wrong;
      }
    }
  }
  utc_ += base::kSecond;
  now_.clock.pass(base::kSecond);
  return std::nullopt;
}

StoreWork::Try StoreWork::attempt(const std::string& call,
                                  const std::function<void(StoreTruth&)>& effect,
                                  const std::function<Status()>& run) {
  for (;;) {
    StoreTruth after = now_.truth;
    effect(after);
    now_.call = call;
    now_.doubts.push_back(after);
    now_.pictures.clear();
    const std::uint64_t failed_before = disk_.failed();
    const std::uint64_t written_before = disk_.operations();
    const Status status = run();
    if (status.ok()) {
      now_.truth = std::move(after);
      now_.doubts.pop_back();
      // What failed before still stands in the log, until it is written over.
      if (disk_.operations() != written_before) now_.doubts.clear();
      now_.in_flight.reset();
      now_.pictures.clear();
      return std::nullopt;
    }
    // Each try may have left another trace (its time, its number): keep what is told apart.
    if (now_.doubts.size() > 4) now_.doubts.erase(now_.doubts.begin());
    if (auto wrong = refuse(call, status.error(), failed_before)) return wrong;
  }
}

StoreWork::Try StoreWork::open() {
  return attempt(
      "open", [&](StoreTruth& truth) { truth.opened(now_.clock); },
      [&]() -> Status {
        LANDER_ASSIGN(store_, store::Store::open(store_options(vfs_, files_, now_.clock, random_)));
        return {};
      });
}

StoreWork::Try StoreWork::commit(const Batch& batch) {
  store::Committed expected;
  now_.in_flight = batch;
  Try wrong;
  const Try failed = attempt(
      "commit", [&](StoreTruth& truth) { expected = truth.committed(batch, now_.clock); },
      [&]() -> Status {
        LANDER_ASSIGN(const auto got, store_->commit(batch));
        if (got.stored != expected.stored || got.duplicates != expected.duplicates ||
            got.item_numbers != expected.item_numbers) {
          wrong = "commit stored " + std::to_string(got.stored) + " and dropped " +
                  std::to_string(got.duplicates) + " where " + std::to_string(expected.stored) +
                  " and " + std::to_string(expected.duplicates) + " were due;";
          for (const Observation& o : batch.observations) *wrong += said(o);
        }
        return {};
      });
  return failed ? failed : wrong;
}

// As a source does: the object first, then the observation that refers to it.
StoreWork::Try StoreWork::put_objects(const Batch& batch) {
  for (const Observation& o : batch.observations) {
    const auto* object = std::get_if<std::shared_ptr<const sensing::Object>>(&o.value);
    if (object == nullptr) continue;
    const auto& [sha256, content] = *contents_.find((*object)->sha256);
    if (auto wrong = attempt(
            "put_object", [&](StoreTruth& truth) { truth.put(sha256, content); },
            [&]() -> Status {
              LANDER_ASSIGN(const auto put, store_->put_object(content, "image/png"));
              LANDER_CHECK(put == **object);
              return {};
            })) {
      return wrong;
    }
  }
  return std::nullopt;
}

StoreWork::Try StoreWork::declare() {
  sensing::Datastream wanted = datastream(random_.below(kSeries), 0);
  const auto& known = now_.truth.datastreams();
  for (std::size_t at = 0; at < kSeries; ++at) {  // first one of each
    const auto same = [&](const auto& d) { return d.id == "d" + std::to_string(at); };
    if (std::any_of(known.begin(), known.end(), same)) continue;
    wanted = datastream(at, 0);
    break;
  }
  if (known.size() >= kSeries) wanted.sensor.serial = "s" + std::to_string(random_.below(2));
  const std::string later = "d" + std::to_string(kLaterRaw);
  const auto raw_already = [&](const auto& d) {
    return d.id == later && d.policy.uplink == sensing::Uplink::kRaw;
  };
  if (wanted.id == later && known.size() >= kSeries &&
      (random_.chance(0.5) || std::any_of(known.begin(), known.end(), raw_already))) {
    wanted.policy.uplink = sensing::Uplink::kRaw;
  }
  if (random_.chance(0.3)) wanted.name = "called " + std::to_string(random_.below(9));
  SeriesKey expected = 0;
  Try wrong;
  const Try failed = attempt(
      "declare", [&](StoreTruth& truth) { expected = truth.declared(wanted); },
      [&]() -> Status {
        LANDER_ASSIGN(const SeriesKey key, store_->declare(wanted));
        if (key != expected) wrong = "declare gave series " + std::to_string(key);
        return {};
      });
  return failed ? failed : wrong;
}

StoreWork::Try StoreWork::refer() {
  const auto run = [&](auto& to, auto call) {
    return call(to, utc_, 10 * base::kMillisecond, std::string_view("hub"));
  };
  return attempt(
      "clock_reference",
      [&](StoreTruth& truth) {
        run(truth, [&](StoreTruth& t, auto... all) { t.referred(now_.clock, all...); });
      },
      [&] {
        return run(*store_, [](store::Store& s, auto... all) { return s.clock_reference(all...); });
      });
}

StoreWork::Try StoreWork::forget() {
  const auto states = store_->lanes();
  if (!states.ok()) return std::nullopt;  // a disk that fails: another time
  const auto raw = raw_items(*store_);
  if (!raw.ok()) return std::nullopt;
  if (auto taken = now_.truth.took_raw(*raw); !taken.ok()) {
    return std::string(taken.error().message());
  }
  for (const auto& state : *states) {
    if (random_.chance(0.1) && state.floor > 0) {
      const std::uint64_t through = random_.below(state.floor);
      if (auto wrong = attempt(
              "recall_items", [&](StoreTruth& truth) { truth.recalled(state.lane, through); },
              [&] { return store_->recall_items(state.lane, through); })) {
        return wrong;
      }
      continue;
    }
    if (state.last == state.floor || !random_.chance(0.7)) continue;
    const std::uint64_t through = random_.chance(0.4)
                                      ? state.last
                                      : state.floor + 1 + random_.below(state.last - state.floor);
    if (auto wrong = attempt(
            "forget_items", [&](StoreTruth& truth) { truth.forgot(state.lane, through); },
            [&] { return store_->forget_items(state.lane, through); })) {
      return wrong;
    }
  }
  return std::nullopt;
}

// Raw blocks are taken as soon as they are there, so that forget() knows what goes.
StoreWork::Try StoreWork::offer() {
  Try wrong;
  const Try failed = attempt(
      "offer_raw", [](StoreTruth&) {},
      [&]() -> Status {
        LANDER_TRY(store_->offer_raw(200 + random_.below(5000)));
        LANDER_ASSIGN(const auto items, raw_items(*store_));
        if (auto taken = now_.truth.took_raw(items); !taken.ok()) wrong = taken.error().message();
        return {};
      });
  return failed ? failed : wrong;
}

StoreWork::Try StoreWork::pick_up() {
  return attempt(
      "start_pickup", [](StoreTruth& truth) { truth.picked_up(); },
      [&] { return store_->start_pickup(); });
}

// From before the call on, what it may take can be missing.
StoreWork::Try StoreWork::wipe() {
  const base::TimeUs before = utc_ - static_cast<base::DurationUs>(random_.below(2)) * base::kHour;
  if (auto wrong = forget()) return wrong;
  now_.truth.may_wipe(before);
  for (StoreTruth& doubt : now_.doubts) doubt.may_wipe(before);
  now_.pictures.clear();
  StoreTruth settled;
  if (auto wrong = attempt(
          "wipe", [](StoreTruth&) {},
          [&]() -> Status {
            LANDER_ASSIGN(const store::Wiped wiped, store_->wipe(before));
            wiped_ += wiped.observations;
            settled = now_.truth;
            return settled.settle_wiped(*store_);
          })) {
    return wrong;
  }
  now_.truth = std::move(settled);
  now_.pictures.clear();
  return std::nullopt;
}

StoreWork::Try StoreWork::upkeep() {
  for (bool more = true; more;) {
    if (auto wrong = attempt(
            "upkeep", [](StoreTruth&) {},
            [&]() -> Status {
              LANDER_ASSIGN(more, store_->upkeep());
              return {};
            })) {
      return wrong;
    }
    if (random_.chance(0.3)) break;
  }
  return std::nullopt;
}

StoreWork::Try StoreWork::restart() {
  const std::uint64_t how = random_.below(4);  // half of them in good order
  if (how >= 2) disk_.cut_now(how == 2 ? Cut::kPower : Cut::kProcess);
  store_.reset();
  if (how >= 2) disk_.revive();
  constexpr base::DurationUs kWrong[] = {0, 0, -3 * base::kHour, 5 * base::kHour};
  const auto took = base::kSecond * static_cast<base::DurationUs>(1 + random_.below(40));
  utc_ += took;
  now_.clock.pass(took);
  if (how != 3 && random_.chance(0.7)) now_.clock.reboot(utc_ + kWrong[random_.below(4)]);
  return open();
}

// --- What is committed ---------------------------------------------------------------------------

std::uint64_t StoreWork::sequence(SeriesKey key, bool& late) {
  auto& skipped = skipped_[key];
  std::uint64_t& next = sequences_[key];
  if (!skipped.empty() && random_.chance(0.2)) {
    late = true;
    const std::uint64_t out = skipped.back();
    skipped.pop_back();
    return out;
  }
  if (random_.chance(0.1)) skipped.push_back(++next);
  return ++next;
}

Observation StoreWork::row(SeriesKey key) {
  const sensing::Datastream& d = now_.truth.datastreams()[key - 1];
  ++made_;
  Observation out{key, sensing::Quality::kGood, 0, 0, 0.0};
  bool late = random_.chance(0.08);
  if (counts(d)) out.sequence = sequence(key, late);
  const auto back = random_.between(0, late ? 2 * base::kHour : 4 * base::kSecond);
  // No two of a series at the same microsecond: what is a repeat is then without doubt.
  out.time = (now_.clock.wall - back) / base::kSecond * base::kSecond +
             static_cast<base::TimeUs>(made_ % 1'000'000);
  out.value = value(d.kind);
  if (d.kind == sensing::Kind::kNumber && random_.chance(0.03)) {
    out.value = std::numeric_limits<double>::quiet_NaN();
    out.quality = sensing::Quality::kBadSensorFailure;
  }
  return out;
}

// Another one each time.
sensing::Value StoreWork::value(sensing::Kind kind) {
  const auto count = static_cast<double>(made_);
  switch (kind) {
    case sensing::Kind::kInteger:
      return static_cast<std::int64_t>(made_) - 40;
    case sensing::Kind::kBoolean:
      return made_ % 2 == 0;
    case sensing::Kind::kText:
      return "text " + std::to_string(made_) + std::string(random_.below(30), 'x');
    case sensing::Kind::kWaveform:
      return std::make_shared<const sensing::Waveform>(
          sensing::Waveform{1000, std::vector<double>(1 + random_.below(40), count)});
    case sensing::Kind::kInterval:
      return std::make_shared<const sensing::Interval>(
          sensing::Interval{base::kSecond, "batch " + std::to_string(made_)});
    case sensing::Kind::kObject: {
      base::Bytes content(1 + random_.below(300));
      random_.fill(content);
      const auto sha256 = crypto::sha256(content);
      contents_[sha256] = content;
      return std::make_shared<const sensing::Object>(
          sensing::Object{sha256, content.size(), "image/png"});
    }
    default:
      return count * 0.25;
  }
}

// One of the last that came, as a source sends again what was not acknowledged in its sight; of
// those that the store is bound to remember.
std::optional<Observation> StoreWork::repeat(SeriesKey key, std::uint64_t with_it) {
  std::vector<const Observation*> all;
  for (const auto& row : now_.truth.rows()) {
    if (row.observation.series != key) continue;
    if (row.wiped || row.may_go) return std::nullopt;  // nothing may be known of it any more
    all.push_back(&row.observation);
  }
  if (all.empty()) return std::nullopt;
  if (all.back()->sequence == 0 && all.size() + with_it > kRemembered) return std::nullopt;
  return *all[all.size() - 1 - random_.below(std::min<std::size_t>(all.size(), 9))];
}

void StoreWork::add_rows(Batch& batch) {
  const std::size_t known = now_.truth.datastreams().size();
  const std::uint64_t parts = 1 + random_.below(3);
  for (std::uint64_t part = 0; part < parts; ++part) {
    const auto key = static_cast<SeriesKey>(1 + random_.below(known));
    if (std::any_of(batch.observations.begin(), batch.observations.end(),
                    [&](const Observation& o) { return o.series == key; })) {
      continue;
    }
    const std::uint64_t rows = random_.chance(0.06) ? 45 : 1 + random_.below(5);
    for (std::uint64_t i = 0; i < rows; ++i) {
      if (random_.chance(0.1)) {
        if (auto again = repeat(key, rows)) batch.observations.push_back(std::move(*again));
      }
      batch.observations.push_back(row(key));
    }
    if (random_.chance(0.1)) batch.observations.push_back(batch.observations.back());
  }
}

Batch StoreWork::batch() {
  Batch out;
  if (!random_.chance(0.15)) add_rows(out);
  const auto body = [&](std::uint64_t most) {
    base::Bytes bytes(1 + random_.below(random_.chance(0.05) ? 6000 : most));
    random_.fill(bytes);
    return bytes;
  };
  if (out.observations.empty() || random_.chance(0.4)) {
    for (std::uint64_t i = 0; i <= random_.below(2); ++i) {
      store::NewItem& item = out.items.emplace_back();
      item = {static_cast<store::Lane>(random_.below(3)), "alert-event", body(90)};
      item.worth = static_cast<double>(random_.below(9));
      // At once: whether it did by now, is upkeep's affair.
      if (random_.chance(0.15)) item.expires = 1;
      if (item.expires == 0 && random_.chance(0.4)) item.subject = std::string(1, "ab"[made_ % 2]);
    }
  }
  if (random_.chance(0.4)) {
    const bool drops = random_.chance(0.2);
    out.records.push_back({kRecordKinds[random_.below(2)], "k" + std::to_string(random_.below(5)),
                           drops ? base::Bytes() : body(200)});
  }
  return out;
}

StoreWork::Try StoreWork::step() {
  ++steps_;
  if (!store_) return open();
  const base::DurationUs passed =
      base::kSecond * static_cast<base::DurationUs>(random_.chance(0.05) ? 1 + random_.below(2400)
                                                                         : 1 + random_.below(25));
  utc_ += passed;
  now_.clock.pass(passed);
  if (now_.truth.datastreams().size() < kSeries && random_.chance(0.5)) return declare();
  if (now_.truth.datastreams().empty()) return declare();
  const std::uint64_t what = random_.below(100);
  if (what < 58) {
    const Batch next = batch();
    if (auto wrong = put_objects(next)) return wrong;
    return commit(next);
  }
  if (what < 74) return upkeep();
  if (what < 82) return offer();
  if (what < 83) return pick_up();
  if (what < 84) return wipe();
  if (what < 86) return forget();
  if (what < 90) return refer();
  if (what < 92) return declare();
  return restart();
}

}  // namespace lander::sim
