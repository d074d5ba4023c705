#include "site/apps.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "crypto/crypto.h"
#include "os/log.h"

namespace lander::site {
namespace {

std::string piece_key(const std::string& digest, std::uint64_t offset) {
  char text[24];
  std::snprintf(text, sizeof text, "/%016llu", static_cast<unsigned long long>(offset));
  return digest + text;
}

constexpr base::DurationUs kWriteAgain = 10 * base::kSecond;

std::string short_digest(const std::string& digest) { return "sha256:" + digest.substr(0, 12); }

bool sha256_name(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

base::Status Apps::load(std::optional<trust::Document> trust) {
  trust_ = std::move(trust);
  LANDER_TRY(context_.files.make_folders(context_.folder + "/packages", 0700));
  LANDER_ASSIGN(const auto pieces, context_.store.records(kBlobRecord));
  for (const auto& record : pieces) {
    const auto piece = link::decode_blob(record.body);
    if (!piece.ok()) {  // it comes again
      os::log_error("app", "a piece of a package is left out",
                    {{"piece", record.key}, {"error", piece.error().message()}});
      continue;
    }
    Arriving& arriving = arriving_[piece->digest];
    if (piece->offset != arriving.held) continue;
    arriving.held += piece->bytes.size();
    arriving.total = piece->total;
  }
  LANDER_ASSIGN(const auto records, context_.store.records(kAppRecord));
  for (const auto& record : records) {
    auto state = twin::decode_app_state(record.body);
    if (!state.ok()) return state.error().context("state of app " + record.key);
    App& app = apps_[state->name];
    app.state = std::move(*state);
    app.wanted.name = app.state.name;
    app.wanted.digest = app.state.wanted;
  }
  return {};
}

void Apps::set_trust(trust::Document trust) {
  if (trust.version <= trust_version()) return;
  trust_ = std::move(trust);
  for (auto& [name, app] : apps_) {
    if (app.state.refused) event(app, {twin::AppEventKind::kWant, app.wanted.digest, "", 0});
    const bool in_gate = app.state.state == twin::UpdateState::kGate;
    if ((!in_gate && app.state.state != twin::UpdateState::kRunning) || app.state.running.empty())
      continue;
    const auto prepared = prepare(app, app.state.running);
    if (prepared.ok() || prepared.error().code() != base::Code::kDenied) continue;
    os::log_warn("app", "trusted no more", {{"app", name}, {"reason", prepared.error().message()}});
    event(app, {in_gate ? twin::AppEventKind::kGateFailed : twin::AppEventKind::kStartFailed,
                app.state.running, prepared.error().message(), 0});
  }
}

void Apps::want(const std::vector<twin::AppAssignment>& assignments) {
  for (const auto& assignment : assignments) {
    App& app = apps_[assignment.name];
    const bool restarted = !app.state.name.empty() && app.wanted.version.empty();
    const bool changed = app.wanted.digest != assignment.digest || app.state.wanted.empty();
    app.wanted = assignment;
    app.state.name = assignment.name;
    if (restarted) event(app, {twin::AppEventKind::kRestarted, "", "", 0});
    if (changed || restarted) event(app, {twin::AppEventKind::kWant, assignment.digest, "", 0});
  }
  for (auto& [name, app] : apps_) {
    const bool wanted =
        std::any_of(assignments.begin(), assignments.end(),
                    [&assigned = name](const auto& a) { return a.name == assigned; });
    if (!wanted && !app.state.wanted.empty()) event(app, {twin::AppEventKind::kUnwant, "", "", 0});
  }
  std::erase_if(apps_, [&](const auto& entry) {
    return entry.second.state.state == twin::UpdateState::kIdle &&
           entry.second.state.running.empty();
  });
  drop_unwanted();
}

void Apps::drop_unwanted() {
  std::set<std::string> unwanted;
  for (const auto& [digest, arriving] : arriving_) {
    if (std::none_of(apps_.begin(), apps_.end(), [&arrived = digest](const auto& entry) {
          return entry.second.state.wanted == arrived;
        }))
      unwanted.insert(digest);
  }
  if (unwanted.empty()) return;
  const auto records = context_.store.records(kBlobRecord);
  store::Batch batch;
  for (const auto& record : records.ok() ? *records : std::vector<store::Record>()) {
    if (unwanted.contains(record.key.substr(0, record.key.find('/'))))
      batch.records.push_back({record.kind, record.key, {}});
  }
  if (!records.ok() || (!batch.records.empty() && !context_.store.commit(batch).ok())) {
    os::log_warn("app", "pieces of a package that nobody wants stay for now");
    return;
  }
  for (const auto& digest : unwanted) arriving_.erase(digest);
}

void Apps::event(App& app, const twin::AppEvent& event) {
  const twin::AppStep next = twin::step(app.state, event, context_.now());
  app.state = next.state;
  store::Batch batch;
  const bool gone = app.state.state == twin::UpdateState::kIdle && app.state.running.empty();
  batch.records.push_back(
      {std::string(kAppRecord), app.state.name, gone ? base::Bytes() : twin::encode(app.state)});
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    // The state machine is idempotent: after a restart it repeats this step.
    os::log_error("app", "state is not durable",
                  {{"app", app.state.name}, {"error", committed.error().message()}});
  }
  act(app, next.action, next.digest);
}

void Apps::act(App& app, twin::AppDo action, const std::string& digest) {
  switch (action) {
    case twin::AppDo::kNothing:
      return;
    case twin::AppDo::kFetch:
      return fetch(app, digest);
    case twin::AppDo::kVerify:
      return verify(app, digest);
    case twin::AppDo::kStartPrevious:
      // What a version raised that was found sick is nobody's word any more; what still holds the
      // previous one raises again.
      alarms_.end_all(pipeline_id(app), "raised by a version that was rolled back");
      return start(app, digest);
    case twin::AppDo::kStart:
      return start(app, digest);
    case twin::AppDo::kStop:
      context_.shell.remove_pipeline(pipeline_id(app));
      alarms_.end_all(pipeline_id(app), "the app was removed");
      return;
  }
}

void Apps::fetch(App& app, const std::string& digest) {
  if (!sha256_name(digest)) {
    return event(
        app, {twin::AppEventKind::kRefused, digest, "the package's digest is not a SHA-256", 0});
  }
  if (context_.files.exists(path(digest)))
    return event(app, {twin::AppEventKind::kArrived, digest, "", 0});
  // All pieces were here before a crash, and the file was not: nobody would send another.
  if (arriving_.try_emplace(digest).first->second.whole()) complete(digest);
}

void Apps::verify(App& app, const std::string& digest) {
  if (auto prepared = prepare(app, digest); !prepared.ok()) {
    os::log_warn("app", "package refused",
                 {{"app", app.state.name}, {"reason", prepared.error().message()}});
    return event(app, {twin::AppEventKind::kRefused, digest, prepared.error().message(), 0});
  }
  event(app, {twin::AppEventKind::kVerified, digest, "", 0});
}

base::Result<Apps::Prepared> Apps::prepare(const App& app, const std::string& digest) const {
  if (!trust_)
    return base::Error(base::Code::kDenied, "this site trusts no signer yet: it is not enrolled");
  LANDER_ASSIGN(const base::Bytes bytes,
                context_.files.read(path(digest), package::kMaxPackageBytes));
  if (package::digest(bytes) != digest) {
    (void)context_.files.remove(path(digest)).ok();  // so that it is fetched anew when tried again
    return base::Error(base::Code::kCorrupt, "the package on disk is not " + short_digest(digest));
  }
  LANDER_ASSIGN(package::Package package, package::verify_and_open(bytes, *trust_));
  if (package.manifest.name != app.state.name) {
    return base::Error(base::Code::kInvalid, "the package is \"" + package.manifest.name +
                                                 "\", not \"" + app.state.name + "\"");
  }
  LANDER_ASSIGN(base::Yaml yaml, base::Yaml::parse(package.manifest.yaml, "app.yaml"));
  std::map<std::string, base::Bytes> files;
  for (auto& file : package.files) files[file.name] = std::move(file.bytes);
  LANDER_ASSIGN(const auto spec, stream::Spec::parse(std::move(yaml), files));

  // What is measured now: a datastream that was retired means the same and tells nothing any more.
  std::map<std::string, sensing::SeriesKey> series;
  std::vector<sensing::Datastream> datastreams;
  for (const auto& bound : bound_) {
    series[bound.datastream.id] = bound.series;
    datastreams.push_back(bound.datastream);
  }
  LANDER_ASSIGN(const auto bindings,
                package::bind(package.manifest.ports, datastreams, app.wanted.pinned));
  std::map<std::string, stream::BoundPort> ports;
  Prepared out;
  for (const auto& binding : bindings) {
    const auto& datastream =
        *std::find_if(datastreams.begin(), datastreams.end(),
                      [&](const auto& d) { return d.id == binding.datastream; });
    stream::BoundPort port;
    port.series = series.at(datastream.id);
    port.datastream = datastream.id;
    port.from_unit = datastream.unit;
    port.asset = datastream.asset;
    ports[binding.port] = port;
    out.series.push_back(port.series);
  }
  LANDER_ASSIGN(auto pipeline, stream::Pipeline::make(spec, ports));
  out.pipeline = std::move(pipeline);
  out.manifest = std::move(package.manifest);
  return out;
}

void Apps::start(App& app, const std::string& digest) {
  auto prepared = prepare(app, digest);
  if (!prepared.ok()) {
    return event(app, {twin::AppEventKind::kStartFailed, digest, prepared.error().message(), 0});
  }
  app.gate = prepared->manifest.health;
  app.gate_started = context_.clock.monotonic_us();
  app.running_version = prepared->manifest.version;
  const std::string id = pipeline_id(app);
  // What the version before had raised is not the new one's word: a new run confirms or ends it.
  alarms_.started(id);
  context_.shell.install_pipeline(id, prepared->pipeline, prepared->series);
  os::log_info("app", "started",
               {{"app", app.state.name},
                {"version", app.running_version},
                {"digest", digest.substr(0, 12)}});
  event(app, {twin::AppEventKind::kStarted, digest, "", context_.now() + app.gate.within});
}

void Apps::rebind() {
  for (auto& [name, app] : apps_) {
    if (app.state.refused) event(app, {twin::AppEventKind::kWant, app.wanted.digest, "", 0});
    const bool runs = app.state.state == twin::UpdateState::kRunning ||
                      app.state.state == twin::UpdateState::kGate;
    if (!runs || app.state.running.empty()) continue;
    auto prepared = prepare(app, app.state.running);
    app.binding_error = prepared.ok() ? "" : prepared.error().message();
    if (!prepared.ok()) continue;
    app.running_version = prepared->manifest.version;
    alarms_.rebound(pipeline_id(app));  // the new one knows nothing of what the old one raised
    context_.shell.install_pipeline(pipeline_id(app), prepared->pipeline, prepared->series);
  }
}

void Apps::tick() {
  for (auto& [name, app] : apps_) {
    if (app.state.state == twin::UpdateState::kGate) check_gate(app);
    if (app.state.state != twin::UpdateState::kFetching) continue;
    const auto at = arriving_.find(app.state.wanted);
    if (at != arriving_.end() && at->second.whole() &&
        context_.clock.monotonic_us() >= at->second.next_try)
      complete(app.state.wanted);
  }
}

void Apps::check_gate(App& app) {
  const std::string id = pipeline_id(app);
  const std::string digest = app.state.running;
  const auto raised = alarms_.raised_since_start(id);
  if (raised > app.gate.max_alerts) {
    return event(app, {twin::AppEventKind::kGateFailed, digest,
                       "raised " + std::to_string(raised) + " alerts within its gate of " +
                           base::to_text(app.gate.within) + ", allowed are " +
                           std::to_string(app.gate.max_alerts),
                       0});
  }
  if (context_.clock.monotonic_us() - app.gate_started < app.gate.within) return;
  const auto all = context_.shell.pipeline_health();
  const auto at = all.find(id);
  const stream::Health health = at == all.end() ? stream::Health{} : at->second.health;
  std::string reason;
  if (!health.error.empty()) {
    reason = health.error;
  } else if (health.evaluations < app.gate.min_evaluations) {
    reason = "evaluated " + std::to_string(health.evaluations) + " times within its gate of " +
             base::to_text(app.gate.within) + ", needed are " +
             std::to_string(app.gate.min_evaluations);
  } else if (health.invalid_evaluations > app.gate.max_invalid) {
    reason = std::to_string(health.invalid_evaluations) +
             " evaluations lacked an input, allowed are " + std::to_string(app.gate.max_invalid);
  }
  if (reason.empty()) return event(app, {twin::AppEventKind::kGatePassed, digest, "", 0});
  event(app, {twin::AppEventKind::kGateFailed, digest, reason, 0});
}

std::vector<link::Want> Apps::wants() const {
  std::vector<link::Want> out;
  for (const auto& [name, app] : apps_) {
    if (app.state.state != twin::UpdateState::kFetching) continue;
    const auto at = arriving_.find(app.state.wanted);
    if (at != arriving_.end() && at->second.whole()) continue;
    out.push_back({app.state.wanted, at == arriving_.end() ? 0 : at->second.held});
  }
  return out;
}

base::Result<store::Record> Apps::piece(const link::BlobPiece& piece, std::uint64_t before) const {
  const auto at = arriving_.find(piece.digest);
  const std::uint64_t held = (at == arriving_.end() ? 0 : at->second.held) + before;
  const auto wanted = wants();
  if (std::none_of(wanted.begin(), wanted.end(),
                   [&](const link::Want& w) { return w.digest == piece.digest; })) {
    // Usually: it came by another carrier before.
    return base::Error(base::Code::kExists, "nobody waits for this blob");
  }
  if (piece.offset != held || piece.bytes.empty()) {
    return base::Error(base::Code::kExists, "piece at " + std::to_string(piece.offset) + ", " +
                                                std::to_string(held) + " is next");
  }
  if (piece.total > package::kMaxPackageBytes || piece.offset + piece.bytes.size() > piece.total) {
    return base::Error(base::Code::kExhausted, "the blob is larger than a package may be");
  }
  return store::Record{std::string(kBlobRecord), piece_key(piece.digest, piece.offset),
                       link::encode_blob(piece)};
}

void Apps::accepted(const link::BlobPiece& piece) {
  Arriving& arriving = arriving_[piece.digest];
  if (piece.offset != arriving.held) return;
  arriving.held += piece.bytes.size();
  fetched_bytes_ += piece.bytes.size();
  arriving.total = piece.total;
  if (arriving.whole()) complete(piece.digest);
}

// By value: the digest may be a part of what changes here.
void Apps::complete(std::string digest) {
  Arriving& arriving = arriving_[digest];
  const base::Status assembled = assemble(digest, arriving.total);
  if (!assembled.ok() && assembled.error().code() != base::Code::kCorrupt) {
    // The disk's fault, not the package's: the pieces stay, and tick() tries again.
    os::log_error("app", "a package could not be written, will try again",
                  {{"digest", digest}, {"error", assembled.error().message()}});
    arriving.next_try = context_.clock.monotonic_us() + kWriteAgain;
    return;
  }
  arriving_.erase(digest);
  for (auto& [name, app] : apps_) {
    if (app.state.state != twin::UpdateState::kFetching || app.state.wanted != digest) continue;
    if (assembled.ok()) {
      event(app, {twin::AppEventKind::kArrived, digest, "", 0});
    } else {
      event(app, {twin::AppEventKind::kRefused, digest, assembled.error().message(), 0});
    }
  }
}

base::Status Apps::assemble(const std::string& digest, std::uint64_t total) {
  LANDER_ASSIGN(const auto records, context_.store.records(kBlobRecord));
  base::Bytes whole;
  whole.reserve(total);
  store::Batch cleanup;
  for (const auto& record : records) {
    if (!record.key.starts_with(digest + "/")) continue;
    cleanup.records.push_back({record.kind, record.key, {}});
    const auto piece = link::decode_blob(record.body);
    if (piece.ok() && piece->offset == whole.size())
      whole.insert(whole.end(), piece->bytes.begin(), piece->bytes.end());
  }
  base::Status status;
  if (crypto::sha256_hex(whole) != digest) {
    status = base::Error(base::Code::kCorrupt, "what arrived is not " + short_digest(digest) +
                                                   ": a byte was changed on the way or at the hub");
  } else {
    LANDER_TRY(context_.files.write_durably(path(digest), whole, 0600));
  }
  // Only after the file is durable: a crash before this repeats the assembly.
  LANDER_TRY(context_.store.commit(cleanup));
  return status;
}

std::vector<twin::Component> Apps::components() const {
  std::vector<twin::Component> out;
  for (const auto& [name, app] : apps_) {
    twin::Component c;
    c.id = "app/" + name;
    if (!app.state.wanted.empty())
      c.desired = twin::app_label(app.wanted.version, app.state.wanted);
    if (!app.state.running.empty())
      c.running = twin::app_label(app.running_version, app.state.running);
    c.status = twin::status(app.state);
    c.reason = app.state.reason;
    if (app.state.state == twin::UpdateState::kFetching) {
      const auto at = arriving_.find(app.state.wanted);
      c.reason = at == arriving_.end() || at->second.total == 0
                     ? "waiting for the package"
                     : "fetching: " + std::to_string(at->second.held) + " of " +
                           std::to_string(at->second.total) + " bytes";
    } else if (app.state.state == twin::UpdateState::kGate) {
      c.reason = "health gate until " + base::to_rfc3339(app.state.gate_ends);
    }
    if (!app.binding_error.empty()) {
      c.status = twin::Status::kFailed;
      c.reason = app.binding_error;
    }
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace lander::site
