#include "sim/site_node.h"

#include <algorithm>

#include "sim/fixtures.h"

namespace lander::sim {
namespace {

constexpr std::size_t kMaxUncommitted = 2000;
constexpr const char* kFolder = "/data";

}  // namespace

SiteNode::SiteNode(std::string name, const base::TimeUs& truth, Chronicle& chronicle,
                   SimRandom random, Faults faults)
    : name_(std::move(name)),
      truth_(truth),
      chronicle_(chronicle),
      random_(random),
      faults_(faults),
      disk_(random_.next()),
      vfs_(disk_),
      files_(disk_),
      clock_(truth, name_, random_.between(-60, 60)) {
  if (faults_.lying_disk) disk_.lie_about_syncs();
}

bool SiteNode::boot(std::optional<std::uint64_t> dies_within) {
  LANDER_CHECK(!up());
  if (died_ == Cut::kPower) {
    const bool forgot = random_.chance(0.3);  // no battery
    clock_.reboot(forgot ? random_.between(0, 30) * base::kSecond
                         : truth_ + random_.between(-2000, 2000) * base::kMillisecond);
  }
  chronicle_.note(name_, "boots " + clock_.boot_id() + " " + base::to_rfc3339(clock_.wall_us()));
  disk_.revive();
  died_.reset();
  if (dies_within) {
    died_ = Cut::kPower;
    disk_.cut_after(*dies_within, Cut::kPower);
  }
  ++incarnation_;
  if (!open()) {
    if (!disk_.dead() && disk_full_) {
      // Not a byte is left, and the log of the run that died is to be made safe first: it waits
      // for room, as a person would be told.
      chronicle_.note(name_, "waits for room");
      died_ = died_.value_or(Cut::kProcess);
    } else if (!disk_.dead()) {
      chronicle_.violation(name_, "does not start: " + why_not_);
    } else {
      died_ = died_.value_or(Cut::kPower);
    }
    drop();
    return false;
  }
  check_counts();
  // A peer that was not acknowledged sends again.
  for (const source::Bound& bound : bound_) {
    const auto waiting = plant_.feeds[bound.datastream.id].waiting;
    for (const Reading& reading : waiting) deliver(bound, reading);
  }
  return true;
}

bool SiteNode::open() {
  store::Store::Options options;
  options.path = std::string(kFolder) + "/site.db";
  options.vfs = vfs_.name();
  options.clock = &clock_;
  options.random = &random_;
  options.reserve_bytes = 1 << 20;
  options.files = &files_;
  options.thin_below_bytes = 0;  // what was acknowledged is looked for: nothing may go for room
  options.raw_lane = link::kLaneBulk;
  options.compact_frames = 100;  // a few hours here
  options.free_bytes = [this] { return base::Result<std::uint64_t>(disk_.free_bytes()); };
  auto opened = store::Store::open(options);
  if (!opened.ok()) {
    why_not_ = opened.error().message();
    must(opened.error(), "opening the store");
    return false;
  }
  store_ = std::make_unique<LedgerStore>(std::move(*opened), ledger_);
  site::Context context{*store_, files_, clock_, random_, *this, kFolder, kTenant, name_, name_};
  auto core = site::Core::open(std::move(context), identity_);
  if (!core.ok()) {
    why_not_ = core.error().message();
    must(core.error(), "opening the core");
    return false;
  }
  core_ = std::move(*core);
  return !disk_.dead();
}

void SiteNode::must(const base::Status& status, const char* what) {
  if (status.ok() || disk_.dead() || disk_full_) return;
  chronicle_.violation(name_,
                       std::string(what) + " fails on a good disk: " + status.error().message());
}

void SiteNode::drop() {
  core_.reset();
  store_.reset();
  engine_ = {};
  sources_.clear();
  bound_.clear();
  uncommitted_.clear();
}

void SiteNode::after_call() {
  if (!up() || !disk_.dead()) return;
  chronicle_.note(name_, "dies");
  drop();
}

void SiteNode::cut(Cut cut) {
  if (!up()) return;
  died_ = cut;
  disk_.cut_now(cut);
  after_call();
}

void SiteNode::cut_within(std::uint64_t operations, Cut cut) {
  if (!up()) return;
  died_ = cut;
  disk_.cut_after(operations, cut);
}

void SiteNode::stop() {
  if (!up()) return;
  disk_.disarm();
  died_.reset();
  drop();
}

void SiteNode::set_disk_full(bool full) {
  disk_full_ = full;
  disk_.limit(full ? disk_.used() + random_.below(256 << 10) : std::uint64_t{8} << 30);
  chronicle_.note(name_, full ? "disk full" : "disk has room");
}

void SiteNode::run_sources(const std::vector<source::Config>& sources,
                           const std::vector<source::Bound>& bound) {
  for (const source::Bound& before : bound_) {
    const bool stays = std::any_of(bound.begin(), bound.end(), [&](const source::Bound& b) {
      return b.datastream.id == before.datastream.id;
    });
    if (!stays) plant_.feeds[before.datastream.id].withdraw();
  }
  sources_ = sources;
  bound_ = bound;
}

std::map<std::string, source::Health> SiteNode::source_health() const {
  std::map<std::string, source::Health> out;
  for (const auto& config : sources_) {
    source::Health& health = out[config.id];
    health.state =
        source_down_ ? source::Health::State::kDisconnected : source::Health::State::kConnected;
    if (source_down_) health.reason = "connection refused";
  }
  return out;
}

void SiteNode::install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                                std::vector<sensing::SeriesKey> series) {
  const auto measured = [&](sensing::SeriesKey key) {
    return std::any_of(bound_.begin(), bound_.end(),
                       [&](const auto& b) { return b.series == key; });
  };
  if (id.starts_with("app/") && !std::all_of(series.begin(), series.end(), measured)) {
    chronicle_.violation(name_, id + " is bound to a datastream that nobody measures");
  }
  chronicle_.note(name_, "runs " + id + " over " + std::to_string(series.size()) + " series");
  engine_.install(std::move(id), std::move(pipeline), series);
}
void SiteNode::remove_pipeline(const std::string& id) {
  chronicle_.note(name_, "stops " + id);
  engine_.remove(id);
}
std::map<std::string, site::Engine::PipelineHealth> SiteNode::pipeline_health() const {
  return engine_.health();
}

void SiteNode::tell(const notify::Notice& notice) {
  news_ = true;
  chronicle_.note(name_, "tells " + notice.event.id + " " +
                             std::string(alert::to_string(notice.event.kind)) + " " +
                             notice.alert.info.title);
}

void SiteNode::deliver(const source::Bound& bound, const Reading& reading) {
  plant_.feeds[bound.datastream.id].delivered(reading.sequence, {truth_, clock_.boot()});
  uncommitted_.push_back(
      {bound.series, sensing::Quality::kGood, clock_.wall_us(), reading.sequence, reading.value});
}

void SiteNode::step() {
  if (!up()) return;
  const std::size_t seen = uncommitted_.size();
  // A full queue holds the equipment back.
  for (const source::Bound& bound : bound_) {
    if (paused_ || source_down_ || uncommitted_.size() >= kMaxUncommitted) break;
    Feed& feed = plant_.feeds[bound.datastream.id];
    deliver(bound, feed.next(bound.datastream.kind, plant_.level(bound.datastream.id, random_)));
  }
  if (faults_.acknowledge_early) {
    for (const auto& o : uncommitted_) {
      plant_.feeds[store_->datastream(o.series)->id].acknowledged(o.sequence);
    }
  }
  const std::vector<sensing::Observation> fresh(
      uncommitted_.begin() + static_cast<std::ptrdiff_t>(std::min(seen, uncommitted_.size())),
      uncommitted_.end());
  const base::TimeUs now = store_->utc_now().time;
  const auto sink = [&](const std::string& id, const stream::Signal& signal) {
    core_->signal(id, signal, uncommitted_);
  };
  engine_.observe(fresh, now, sink);
  engine_.tick(now, sink);
  commit();
  core_->tick();
  for (int step = 0; step < 4 && !disk_.dead(); ++step) {
    const auto more = store_->upkeep();
    if (!more.ok()) must(more.error(), "upkeep");
    if (!more.ok() || !*more) break;
  }
  after_call();
}

void SiteNode::commit() {
  while (!uncommitted_.empty()) {
    const auto committed = core_->commit(uncommitted_);
    if (!committed.ok()) return must(committed.error(), "a commit");
    const auto end = uncommitted_.begin() + static_cast<std::ptrdiff_t>(*committed);
    chronicle_.note(name_, "commits " + std::to_string(*committed));
    for (auto o = uncommitted_.begin(); o != end; ++o) {
      plant_.feeds[store_->datastream(o->series)->id].acknowledged(o->sequence);
    }
    uncommitted_.erase(uncommitted_.begin(), end);
  }
}

// Cheap, after every start: nothing less than was acknowledged, nothing more than was made.
void SiteNode::check_counts() {
  std::uint64_t least = 0, most = 0;
  for (const auto& [id, feed] : plant_.feeds) {
    least += feed.acknowledged_count();
    most += feed.made();
  }
  const std::uint64_t stored = store_->stats().observations;
  if (stored < least || stored > most) {
    chronicle_.violation(name_, "holds " + std::to_string(stored) +
                                    " observations after a start, " + std::to_string(least) +
                                    " were acknowledged, " + std::to_string(most) + " were made");
  }
}

std::optional<site::Uplink::Outgoing> SiteNode::next_message(const std::string& carrier) {
  auto out = core_->next_message(carrier, {{"backlog", 0.0}});
  if (!out.ok()) must(out.error(), "making a bundle");
  after_call();
  if (!up() || !out.ok()) return std::nullopt;
  return std::move(*out);
}

void SiteNode::take_message(base::ByteView sealed, base::DurationUs round_trip) {
  const std::uint64_t before = core_->desired().revision;
  const base::Status taken = core_->take_message(sealed, round_trip);
  must(taken, "taking the hub's bundle");
  if (taken.ok() && !disk_.dead()) contacted_.insert(clock_.boot());
  if (core_->desired().revision != before) {
    chronicle_.note(name_, "gets revision " + std::to_string(core_->desired().revision));
  }
  after_call();
}

void SiteNode::exchanged(const std::string& carrier, const site::Ways::Exchange& exchange) {
  core_->exchanged(carrier, exchange);
  after_call();
}

void SiteNode::apply(const std::string& yaml) {
  const auto applied = core_->apply_yaml(yaml, "sim.yaml", "user:anna@site", false);
  if (applied.ok()) {
    chronicle_.note(name_, "applies revision " + std::to_string(applied->revision));
  } else {
    must(applied.error(), "applying");
  }
  after_call();
}

void SiteNode::handle_alert(alert::EventKind kind) {
  const base::TimeUs now = core_->context().now();
  const auto open = core_->alarms().book().alerts(true, now, 20);
  if (open.empty()) return;
  alert::Event event;
  event.id = random_.uuid7(now);
  event.alert = open[random_.below(open.size())].id;
  event.kind = kind;
  event.time = now;
  event.actor = "user:anna@site";
  if (kind == alert::EventKind::kShelve) event.until = now + base::kHour;
  const auto handled = core_->alarms().command(event);
  if (handled.ok()) {
    chronicle_.note(name_, "handles " + event.id);
  } else {
    must(handled.error(), "handling an alert");
  }
  after_call();
}

void SiteNode::use_model(const model::Model& model) {
  const std::string& asset = model.lineage.asset;
  const auto known = core_->models().find(asset);
  if (!known || known->active.empty()) must(core_->models().add(model), "adding a model");
  if (const auto added = core_->models().find(asset); added && !added->shadow.empty()) {
    const auto promoted = core_->models().promote(asset, "");
    if (!promoted.ok()) must(promoted.error(), "promoting a model");
  }
  after_call();
}

}  // namespace lander::sim
